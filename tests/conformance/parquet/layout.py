# SPDX-License-Identifier: Apache-2.0
"""What a Parquet file says about itself - footer, page headers, indexes - read with a few lines of Thrift, and held against the
rows that went in. Values are not decoded here: that is for the readers. Ids are parquet.thrift's."""
import math
import struct
import uuid
import zlib

import generate

CODECS = ("none", "snappy", "gzip", "lzo", "brotli", "lz4", "zstd", "lz4_raw")
TYPES = ("BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")
ENCODINGS = {0: "PLAIN", 2: "PLAIN_DICTIONARY", 3: "RLE", 4: "BIT_PACKED", 5: "DELTA_BINARY_PACKED", 6: "DELTA_LENGTH_BYTE_ARRAY",
             7: "DELTA_BYTE_ARRAY", 8: "RLE_DICTIONARY", 9: "BYTE_STREAM_SPLIT"}


class Thrift:
    """Compact protocol: structs as {id: value}."""

    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def varint(self):
        shift = value = 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def number(self):
        value = self.varint()
        return value >> 1 ^ -(value & 1)

    def value(self, kind):
        if kind in (1, 2):
            return kind == 1
        if kind == 3:
            return struct.unpack("b", bytes([self.byte()]))[0]
        if kind in (4, 5, 6):
            return self.number()
        if kind == 7:
            self.at += 8
            return struct.unpack_from("<d", self.data, self.at - 8)[0]
        if kind == 8:
            size = self.varint()
            self.at += size
            return bytes(self.data[self.at - size : self.at])
        if kind in (9, 10):
            head = self.byte()
            size = head >> 4 if head >> 4 != 15 else self.varint()
            of = head & 15
            return [self.byte() == 1 if of in (1, 2) else self.value(of) for _ in range(size)]
        if kind == 12:
            return self.struct()
        raise ValueError(f"Thrift type {kind} at {self.at}")

    def struct(self):
        found, last = {}, 0
        while True:
            head = self.byte()
            if head == 0:
                return found
            last = last + (head >> 4) if head >> 4 else self.number()
            if last in found:
                raise ValueError(f"Thrift field {last} twice")
            found[last] = self.value(head & 15)


class Leaf:
    def __init__(self, element, path, max_def, max_rep):
        self.type, self.length = TYPES[element[1]], element.get(2)
        self.converted, self.logical = element.get(6), element.get(10, {})
        self.path, self.max_def, self.max_rep = path, max_def, max_rep

    @property
    def decimal(self):
        return self.converted == 5 or 5 in self.logical


class File:
    def __init__(self, data):
        self.data = data
        if data[:4] != b"PAR1" or data[-4:] != b"PAR1":
            raise ValueError("no Parquet file")
        size = struct.unpack("<I", data[-8:-4])[0]
        thrift = Thrift(data, len(data) - 8 - size)
        self.footer = thrift.struct()
        self.footer_at = len(data) - 8 - size
        if thrift.at != len(data) - 8:
            raise ValueError("the footer's length is wrong")
        self.leaves = []
        elements = iter(self.footer[2])
        root = next(elements)
        for _ in range(root.get(5, 0)):
            self._element(elements, (), 0, 0)
        self.groups = self.footer.get(4, [])

    def _element(self, elements, path, defs, reps):
        element = next(elements)
        repetition = element[3]
        defs, reps = defs + (repetition != 0), reps + (repetition == 2)
        path = (*path, element[4].decode())
        if 1 in element:
            self.leaves.append(Leaf(element, path, defs, reps))
        for _ in range(element.get(5, 0)):
            self._element(elements, path, defs, reps)

    def pages(self, meta):
        """(offset, size of the header, header) of each page of a chunk, and check that they fill it."""
        at = meta[9] if meta.get(11) is None else meta[11]
        end = at + meta[7]
        while at < end:
            thrift = Thrift(self.data, at)
            header = thrift.struct()
            yield at, thrift.at - at, header
            at = thrift.at + header[3]
        if at != end:
            raise ValueError(f"pages end at {at}, the chunk at {end}")


def ordered(leaf, raw):
    """A bound or a value's plain bytes, as something that sorts as the column does."""
    if leaf.type == "BOOLEAN":
        return bool(raw[0])
    if leaf.type == "INT32":
        return struct.unpack("<i", raw)[0]
    if leaf.type == "INT64":
        return struct.unpack("<q", raw)[0]
    if leaf.type == "FLOAT":
        return struct.unpack("<f", raw)[0]
    if leaf.type == "DOUBLE":
        return struct.unpack("<d", raw)[0]
    return int.from_bytes(raw, "big", signed=True) if leaf.decimal else raw


def comparable(schema, value, leaf=None):
    """A model value in the same form."""
    if leaf and leaf.type == "FIXED_LEN_BYTE_ARRAY" and schema.get("name") == generate.UUID:
        return uuid.UUID(value).bytes
    if isinstance(value, str):
        return value.encode()
    if generate.kind_of(schema) == "decimal" and not generate.is_decimal(schema):
        return generate.decimal_bytes(value)
    return value


def is_nan(value):
    return isinstance(value, float) and math.isnan(value)


def endless(values):
    """Is the greatest of them longer than a bound may be, and not to be rounded up? Then there are no bounds."""
    most = max(values)
    return isinstance(most, bytes) and len(most) > 64 and (most[:64] == b"\xff" * 64 or most[:64] == b"\xf4\x8f\xbf\xbf" * 16)


class Check:
    """All findings about one file, as sentences."""

    def __init__(self, data, schema, rows, want):
        self.found, self.want = [], want
        self.file = File(data)
        self.schema, self.rows = schema, rows
        self.columns = generate.columns_of(schema, rows)
        self.seen = set()  # encodings, codecs and page versions, to tell what a run has covered

    def say(self, text):
        if len(self.found) < 20:
            self.found.append(text)

    def expect(self, what, got, wanted):
        if got != wanted:
            self.say(f"{what}: {got!r}, wanted {wanted!r}")

    def run(self):
        footer = self.file.footer
        self.expect("rows in the footer", footer[3], len(self.rows))
        self.expect("rows of the row groups", sum(g[3] for g in self.file.groups), len(self.rows))
        self.expect("leaves", len(self.file.leaves), len(self.columns))
        self.expect("column orders", len(footer.get(7, [])), len(self.columns))
        first = 0
        for number, group in enumerate(self.file.groups):
            self.expect(f"columns of row group {number}", len(group[1]), len(self.columns))
            for leaf, column, chunk in zip(self.file.leaves, self.columns, group[1]):
                self.chunk(f"row group {number}, {'.'.join(leaf.path)}", leaf, column, chunk, first, group[3])
            metas = [c[3] for c in group[1]]
            self.expect(f"total_byte_size of row group {number}", group[2], sum(m[6] for m in metas))
            self.expect(f"total_compressed_size of row group {number}", group.get(6, 0), sum(m[7] for m in metas))
            first += group[3]
        return self.found

    def chunk(self, where, leaf, column, chunk, first, count):
        meta = chunk[3]
        self.expect(f"{where}: levels", (leaf.max_def, leaf.max_rep), (column.max_def, column.max_rep))
        self.expect(f"{where}: path", tuple(p.decode() for p in meta[3]), leaf.path)
        self.expect(f"{where}: type", TYPES[meta[1]], leaf.type)
        # Entries are in the order of their rows.
        entries = column.entries_by_row(first, count)
        self.expect(f"{where}: num_values", meta[5], len(entries))
        try:
            pages = list(self.file.pages(meta))
        except (ValueError, KeyError, IndexError) as error:
            return self.say(f"{where}: pages can't be walked: {error!r}")
        self.pages(where, leaf, column, chunk, pages, first, count)
        self.statistics(where, leaf, column, meta.get(12), entries)
        self.sizes(where, leaf, meta.get(16), entries)

    def pages(self, where, leaf, column, chunk, pages, first, count):
        meta = chunk[3]
        self.seen.add(CODECS[meta[4]])
        self.expect(f"{where}: total_uncompressed_size", meta[6], sum(size + h[2] for _, size, h in pages))
        encodings, data_pages = set(), []
        for at, size, header in pages:
            body = self.file.data[at + size : at + size + header[3]]
            if 4 in header:
                self.expect(f"{where}: CRC of the page at {at}", header[4] & 0xFFFFFFFF, zlib.crc32(body))
            elif self.want["crc"]:
                self.say(f"{where}: no CRC at {at}")
            if header[1] == 2:
                self.expect(f"{where}: dictionary page first", at, pages[0][0])
                self.expect(f"{where}: dictionary_page_offset", meta.get(11), at)
                encodings.add(header[7][2])
            else:
                data = header[5] if header[1] == 0 else header[8]
                encoding = data[2] if header[1] == 0 else data[4]
                self.seen |= {f"v{1 if header[1] == 0 else 2}", f"{leaf.type} {ENCODINGS[encoding]}"}
                encodings.add(encoding)
                data_pages.append((at, size, header, data))
        if not data_pages:
            return self.say(f"{where}: no data pages")
        self.expect(f"{where}: data_page_offset", meta[9], data_pages[0][0])
        self.expect(f"{where}: values in the pages", sum(d[1] for *_, d in data_pages), meta[5])
        if not encodings <= set(meta[2]):
            self.say(f"{where}: the footer's encodings {meta[2]} lack some of {encodings}")
        if 13 in meta:
            stated = {(s[1], s[2]): s[3] for s in meta[13]}
            counted = {}
            for _, _, h in pages:
                data = h[7] if h[1] == 2 else h[5] if h[1] == 0 else h[8]
                key = (h[1], data[4] if h[1] == 3 else data[2])
                counted[key] = counted.get(key, 0) + 1
            self.expect(f"{where}: encoding_stats", stated, counted)
        self.indexes(where, leaf, column, chunk, data_pages, first, count)

    def indexes(self, where, leaf, column, chunk, data_pages, first, count):
        if 4 not in chunk:
            return self.say(f"{where}: no offset index")
        offset_index = Thrift(self.file.data, chunk[4])
        locations = (index := offset_index.struct())[1]
        self.expect(f"{where}: length of the offset index", offset_index.at - chunk[4], chunk[5])
        self.expect(f"{where}: pages in the offset index", [(loc[1], loc[2]) for loc in locations],
                    [(at, size + h[3]) for at, size, h, _ in data_pages])
        starts = [loc[3] for loc in locations] + [count]
        if starts[0] != 0 or any(a >= b for a, b in zip(starts, starts[1:])):
            return self.say(f"{where}: first rows {starts}")
        by_page = [column.entries_by_row(first + a, b - a) for a, b in zip(starts, starts[1:])]
        for (at, _, header, data), entries in zip(data_pages, by_page):
            self.expect(f"{where}: values of the page at {at}", data[1], len(entries))
            if header[1] == 3:
                nulls = sum(e[3] is None for e in entries)
                rows = len({e[0] for e in entries})
                self.expect(f"{where}: nulls, rows of the page at {at}", (data[2], data[3]), (nulls, rows))
        if 2 in index:
            self.expect(f"{where}: unencoded bytes of the pages", index[2], [plain_bytes(leaf, e) for e in by_page])
        elif leaf.type == "BYTE_ARRAY":
            self.say(f"{where}: no unencoded sizes in the offset index")
        if 6 in chunk:
            thrift = Thrift(self.file.data, chunk[6])
            self.column_index(where, leaf, column, thrift.struct(), by_page)
            self.expect(f"{where}: length of the column index", thrift.at - chunk[6], chunk[7])
            return
        for entries in by_page:
            values = [comparable(column.schema, e[3], leaf) for e in entries if e[3] is not None]
            numbers = [v for v in values if not is_nan(v)]
            if values and not numbers or numbers and endless(numbers):
                return
        self.say(f"{where}: no column index")

    def column_index(self, where, leaf, column, index, by_page):
        where = f"{where}: column index"
        empty = [all(e[3] is None for e in entries) for entries in by_page]
        self.expect(f"{where}: null_pages", index[1], empty)
        if 5 in index:
            self.expect(f"{where}: null_counts", index[5], [sum(e[3] is None for e in entries) for entries in by_page])
        for field, level, most in ((6, 1, leaf.max_rep), (7, 2, leaf.max_def)):
            if field in index:
                wanted = [n for entries in by_page for n in histogram(entries, level, most)]
                self.expect(f"{where}: histogram of levels {field}", index[field], wanted)
        bounds = []
        for number, entries in enumerate(by_page):
            low, high = index[2][number], index[3][number]
            if empty[number]:
                self.expect(f"{where}: bounds of null page {number}", (low, high), (b"", b""))
                continue
            bounds.append((ordered(leaf, low), ordered(leaf, high)))
            self.bounds(f"{where}: page {number}", leaf, column, entries, low, high, False, False)
        rising = all(a[0] <= b[0] and a[1] <= b[1] for a, b in zip(bounds, bounds[1:]))
        falling = all(a[0] >= b[0] and a[1] >= b[1] for a, b in zip(bounds, bounds[1:]))
        order = index.get(4, 0)
        if order == 1 and not rising or order == 2 and not falling:
            self.say(f"{where}: boundary_order {order} is not true")
        if order == 0 and len(bounds) > 1 and (rising or falling):
            self.say(f"{where}: boundary_order is unordered, but the pages are in order")

    def bounds(self, where, leaf, column, entries, low, high, low_exact, high_exact):
        values = [comparable(column.schema, e[3], leaf) for e in entries if e[3] is not None and not is_nan(e[3])]
        least, most = ordered(leaf, low), ordered(leaf, high)
        if is_nan(least) or is_nan(most):
            return self.say(f"{where}: a bound is NaN")
        if isinstance(least, float):
            if least == 0 and math.copysign(1, least) > 0:
                self.say(f"{where}: min is +0.0")
            if most == 0 and math.copysign(1, most) < 0:
                self.say(f"{where}: max is -0.0")
        if not values:
            return
        if least > min(values) or most < max(values):
            self.say(f"{where}: bounds {least!r:.100} {most!r:.100}, values {min(values)!r:.100} {max(values)!r:.100}")
        if leaf.type not in ("BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY") or leaf.decimal:
            low_exact = high_exact = True
        if low_exact and least != min(values) or high_exact and most != max(values):
            self.say(f"{where}: {least!r:.100} {most!r:.100} are said to be exact, but {min(values)!r:.100} {max(values)!r:.100}")
        if len(low) > 200 or len(high) > 200:
            self.say(f"{where}: bounds of {len(low)} and {len(high)} bytes")

    def statistics(self, where, leaf, column, stats, entries):
        where = f"{where}: statistics"
        if stats is None:
            return self.say(f"{where}: none")
        self.expect(f"{where}: null_count", stats.get(3), sum(e[3] is None for e in entries))
        if 9 in stats:
            self.expect(f"{where}: nan_count", stats[9], sum(is_nan(e[3]) for e in entries))
        values = [e[3] for e in entries if e[3] is not None and not is_nan(e[3])]
        if (5 in stats) != (6 in stats):
            # A run of 0xff has no upper bound that is shorter.
            if 5 in stats or leaf.type != "BYTE_ARRAY":
                self.say(f"{where}: only one bound")
            return
        if 5 in stats:
            if not values:
                return self.say(f"{where}: bounds without values")
            self.bounds(where, leaf, column, entries, stats[6], stats[5], stats.get(8, False), stats.get(7, False))
        elif values and not endless([comparable(column.schema, v, leaf) for v in values]):
            self.say(f"{where}: no bounds")

    def sizes(self, where, leaf, sizes, entries):
        where = f"{where}: size_statistics"
        if sizes is None:
            return self.say(f"{where}: none")
        if leaf.type == "BYTE_ARRAY":
            self.expect(f"{where}: unencoded bytes", sizes.get(1), plain_bytes(leaf, entries))
        for field, level, most in ((2, 1, leaf.max_rep), (3, 2, leaf.max_def)):
            # May be left out where it says nothing more than num_values and null_count.
            if field in sizes:
                self.expect(f"{where}: histogram {field}", sizes[field], histogram(entries, level, most))
            elif most > (level == 2):
                self.say(f"{where}: no histogram {field}")


def histogram(entries, level, most):
    counts = [0] * (most + 1)
    for entry in entries:
        counts[entry[level]] += 1
    return counts if most else []


def plain_bytes(leaf, entries):
    """What the values of a BYTE_ARRAY take, without their lengths."""
    def size(value):
        if isinstance(value, int):
            return len(generate.decimal_bytes(value))
        return len(value.encode() if isinstance(value, str) else value)
    return sum(size(e[3]) for e in entries if e[3] is not None)
