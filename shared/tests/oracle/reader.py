"""A reader of FORMAT.md that does everything the slow and obvious way.

Reads a column object or an .ic file from stdin and writes its values to stdout, i16 little-endian: a column's chunk after
chunk, an image's in storage order. It shares nothing with the program but that page.
"""

import struct
import sys

import xxhash
import zstandard


class Bytes:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        assert self.at + count <= len(self.data), "it ends too early"
        self.at += count
        return self.data[self.at - count : self.at]

    def fields(self, form):
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))

    def number(self):
        value = shift = 0
        while True:
            (byte,) = self.fields("B")
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def is_empty(self):
        return self.at == len(self.data)


def unzigzag(number):
    return number // 2 if number % 2 == 0 else -(number + 1) // 2


def checked(data, checksum):
    assert xxhash.xxh3_64_intdigest(data) == checksum, "a checksum does not match"
    return data


# Section 6
def unpack(bytes_, count, width):
    numbers = []
    for _ in range((count + 127) // 128):
        words = struct.unpack(f"<{8 * width}H", bytes_.take(16 * width))
        lanes = []
        for lane in range(8):
            whole = 0
            for i in range(width):
                whole |= words[8 * i + lane] << (16 * i)
            lanes.append([(whole >> (width * n)) & ((1 << width) - 1) for n in range(16)])
        numbers += [lanes[n % 8][n // 8] for n in range(128)]
    return numbers[:count]


# Section 8
EIGHTHS = [65536, 60097, 55109, 50535, 46341, 42495, 38968, 35734]
OTHER = -128


def words_of(alphabet, threshold):
    likelihoods = [(symbol, EIGHTHS[code % 8] >> (code // 8)) for symbol, code in alphabet]
    total = sum(likelihood for _, likelihood in likelihoods)
    shares = [(symbol, (likelihood << 16) // total) for symbol, likelihood in likelihoods]
    words = []

    def divide(prefix, likelihood):
        for symbol, share in shares:
            child = (likelihood * share) >> 16
            word = prefix + [symbol]
            if symbol != OTHER and len(word) < 8 and child >= threshold * 256:
                divide(word, child)
            else:
                words.append((word, child))

    divide([], 1 << 24)
    assert len(words) <= 256
    slots = [max(1, (likelihood + 2048) >> 12) for _, likelihood in words]
    slots[slots.index(max(slots))] += 4096 - sum(slots)
    assert min(slots) >= 1
    return [word for word, _ in words], slots


def stream(bytes_, count):
    head, threshold = bytes_.fields("BH")
    lanes, shift, has_others = 1 << (head & 3), (head >> 2) & 15, (head >> 6) & 1
    assert head < 128 and shift <= 12
    alphabet, others = [], Bytes(b"")
    if has_others:
        alphabet.append((OTHER, bytes_.fields("B")[0]))
        others = Bytes(bytes_.take(bytes_.number()))
    first, more = bytes_.fields("bB")
    for place, code in enumerate(bytes_.take(more + 1)):
        if code != 255:
            alphabet.append((first + place, code))
    low = unpack(bytes_, count, shift) if shift else [0] * count
    taken = bytes_.number()
    states = list(bytes_.fields(f"{lanes}I"))
    numbers = list(bytes_.fields(f"{taken}H"))

    words, slots = words_of(alphabet, threshold)
    starts, owner = [], []
    for number, size in enumerate(slots):
        starts.append(len(owner))
        owner += [number] * size
    symbols, at = [], 0
    while len(symbols) < count:
        for lane in range(lanes):
            state = states[lane]
            number = owner[state % 4096]
            symbols += words[number]
            state = slots[number] * (state >> 12) + state % 4096 - starts[number]
            if state < 1 << 16:
                state = (state << 16) + numbers[at]
                at += 1
            states[lane] = state
    assert at == taken and states == [1 << 16] * lanes
    values = []
    for symbol, bits in zip(symbols[:count], low):
        if symbol == OTHER:
            symbol = unzigzag(others.number())
        values.append((symbol << shift) + bits)
    assert others.is_empty()
    return values


# Section 7
def classes(bytes_, count):
    unit, classes_ = bytes_.fields("HB")
    assert unit in (16, 32, 64, 128, 256) and 2 <= classes_ <= 8
    of_unit = stream(bytes_, (count + unit - 1) // unit)
    of_class = {0: iter([0] * (unit * len(of_unit)))}
    for number in range(1, classes_):
        units = of_unit.count(number)
        if units:
            of_class[number] = iter(stream(bytes_, units * unit))
    values = [next(of_class[number]) for number in of_unit for _ in range(unit)]
    return values[:count]


# Section 5
def run(data, count, row, plane):
    bytes_ = Bytes(data)
    (head,) = bytes_.fields("B")
    assert bytes_.number() == count and head < 32
    coding = head & 15
    if coding == 0:
        values = [0] * count
    elif coding == 1:
        values = [unzigzag(number) for number in unpack(bytes_, count, bytes_.fields("B")[0])]
    elif coding == 2:
        (width,) = bytes_.fields("B")
        raw = zstandard.ZstdDecompressor().decompress(bytes_.take(len(data) - bytes_.at))
        assert len(raw) == count * width
        high = raw[count:] if width == 2 else bytes(count)
        values = [unzigzag(raw[i] + 256 * high[i]) for i in range(count)]
    elif coding == 3:
        values = stream(bytes_, count)
    elif coding == 4:
        values = classes(bytes_, count)
    else:
        raise AssertionError(f"coding {coding}")
    assert bytes_.is_empty(), "something follows"
    if head & 16:
        for at in range(count):
            inside = at % plane
            before = at - 1 if inside % row else at - row if inside else None
            if before is not None:
                values[at] = (values[at] + values[before] + 0x8000) % 0x10000 - 0x8000
    return values


def layout(bytes_):
    sampling, block, channels, _, height, width = bytes_.fields("4H2I")
    rows = (height + 1) // 2 if sampling in (1, 3) else height
    columns = (width + 1) // 2 if sampling in (2, 3) else width
    return block, channels, rows // block, columns // block


def diagonal_length(block, diagonal):
    return min(diagonal + 1, 2 * block - 1 - diagonal)


# Section 3
def column(data):
    magic = b"imgcalc-column" + struct.pack("<H", 1)
    assert data[:16] == magic and data[-16:] == magic
    length, checksum = struct.unpack("<IQ", data[-28:-16])
    footer = Bytes(checked(data[-28 - length : -28], checksum))
    block, channels, rows, columns = layout(footer)
    _, keep, _, images, chunks = footer.fields("2H3I")
    assert chunks == keep * channels
    values = []
    for chunk in range(chunks):
        offset, size, count, checksum = footer.fields("Q2IQ")
        assert count == images * rows * columns * diagonal_length(block, chunk // channels)
        values += run(checked(data[offset : offset + size], checksum), count, columns, rows * columns)
    assert footer.is_empty()
    return values


# Section 4
def image(data):
    bytes_ = Bytes(checked(data[:-8], struct.unpack("<Q", data[-8:])[0]))
    assert bytes_.take(16) == b"imgcalc-image\0" + struct.pack("<H", 1)
    block, channels, rows, columns = layout(bytes_)
    keep, _, _, _ = bytes_.fields("2H2I")
    kept = sum(diagonal_length(block, diagonal) for diagonal in range(keep))
    return run(bytes_.take(len(bytes_.data) - bytes_.at), channels * rows * columns * kept, 1, 1)


data = sys.stdin.buffer.read()
values = column(data) if data.startswith(b"imgcalc-column") else image(data)
sys.stdout.buffer.write(struct.pack(f"<{len(values)}h", *values))
