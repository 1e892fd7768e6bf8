"""A base in an object store.

boto3 and not a native client: PyTorch's loaders fork, and a client with threads of its own does not survive that.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from .base import Base, Bytes, StorageError


class Store(Base):
    """A base in an object store that speaks S3."""

    def __init__(self, url: str, place: str, prefix: str) -> None:
        super().__init__(url)
        if not place or "@" in place or "?" in url:
            raise StorageError("write s3://place/prefix, and credentials into AWS_* environment variables")
        self._place = place
        self._prefix = f"{prefix}/" if prefix else ""
        self._client: tuple[int, Any] | None = None
        self._connected()

    def _get(self, key: str) -> Bytes:
        return self._read(key, {})

    def _get_range(self, key: str, start: int, end: int) -> Bytes:
        if start == end:
            return np.empty(0, np.uint8)
        return self._read(key, {"Range": f"bytes={start}-{end - 1}"})

    def _read(self, key: str, more: dict[str, str]) -> Bytes:
        try:
            answer = self._connected().get_object(Bucket=self._place, Key=self._prefix + key, **more)
            return np.frombuffer(answer["Body"].read(), np.uint8)
        except Exception as error:
            raise self._failed(f"cannot read {key}", key, error) from error

    def _list(self, folder: str) -> dict[str, int]:
        found = {}
        try:
            pages = self._connected().get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._place, Prefix=f"{self._prefix}{folder}/"):
                for entry in page.get("Contents", []):
                    found[entry["Key"].removeprefix(self._prefix)] = entry["Size"]
        except Exception as error:
            raise self._failed(f"cannot list {folder}", None, error) from error
        return found

    def _failed(self, what: str, key: str | None, error: Exception) -> Exception:
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

        if isinstance(error, ClientError):
            code = error.response.get("Error", {}).get("Code")
            if key is not None and code in ("NoSuchKey", "404"):
                return self._missing(key)
        elif not isinstance(error, (BotoCoreError, HTTPClientError, OSError)):
            return error
        return StorageError(f"{what} in {self.url}: {error}")

    def _connected(self) -> Any:
        """The client of this process: connections are not shared with the one it was forked from."""
        with self._lock:
            if self._client is None or self._client[0] != os.getpid():
                self._client = (os.getpid(), _client(self.url))
            return self._client[1]


def _client(url: str) -> Any:
    try:
        import boto3
        from botocore import UNSIGNED
        from botocore.config import Config
    except ImportError as error:
        raise StorageError(f"{url} needs boto3: pip install 'imgcalc[s3]'") from error
    setting = os.environ.get
    endpoint = setting("AWS_ENDPOINT_URL_S3") or setting("AWS_ENDPOINT_URL") or setting("AWS_ENDPOINT")
    unsigned = (setting("AWS_SKIP_SIGNATURE") or "").lower() in ("1", "true")
    try:
        return boto3.session.Session().client(
            "s3",
            endpoint_url=endpoint or None,
            region_name=setting("AWS_REGION") or setting("AWS_DEFAULT_REGION") or "us-east-1",
            config=Config(
                signature_version=UNSIGNED if unsigned else "s3v4",
                # A server of one's own has no name of its own for every place.
                s3={"addressing_style": "path" if endpoint else "auto"},
                retries={"mode": "standard", "max_attempts": 8},
                connect_timeout=5,
                read_timeout=60,
                max_pool_connections=32,
            ),
        )
    except Exception as error:
        raise StorageError(f"the base {url} cannot be opened: {error}") from error
