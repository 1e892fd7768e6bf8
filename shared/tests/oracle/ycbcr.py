"""RGB to YCbCr by Pillow, whose matrix is JPEG's, rounded to bytes.

usage: ycbcr.py < rgb > ycbcr        (both three bytes a pixel)
"""

import sys

from PIL import Image

rgb = sys.stdin.buffer.read()
image = Image.frombytes("RGB", (len(rgb) // 3, 1), rgb)
sys.stdout.buffer.write(image.convert("YCbCr").tobytes())
