"""Writes lz4.arrow, zstd.arrow and plain.arrow.zst: one table of pyarrow 26 with nested types, dictionaries and views in
three batches, one of them empty, the first large enough for LZ4 blocks that refer to earlier ones."""
import pyarrow as pa


def column(kind, values):
    return pa.array(values, kind)


def batch(first, rows):
    some = [None if i % 7 == 3 else i % 252 * 1_234_567_891 for i in range(first, first + rows)]
    names = [None if i is None else f"value {i % 89}" * (i % 4) for i in some]
    items = [None if i is None else [i % 50, None][: i % 3] for i in some]
    ends = pa.array([] if rows == 0 else [rows], pa.int32())
    unions = [pa.array([i or 0 for i in some], pa.int64()), pa.array([str(i) for i in some], pa.string())]
    types = pa.array([i % 2 for i in range(rows)], pa.int8())
    return pa.record_batch({
        "number": column(pa.int64(), some),
        "small": pa.array([i % 100 for i in range(rows)], pa.int16()),
        "truth": column(pa.bool_(), [None if i is None else i % 3 == 0 for i in some]),
        "text": column(pa.string(), names),
        "large_text": column(pa.large_string(), names),
        "text_view": column(pa.string_view(), names),
        "binary_view": column(pa.binary_view(), [None if n is None else n.encode() for n in names]),
        "list": column(pa.list_(pa.int32()), items),
        "large_list": column(pa.large_list(pa.int32()), items),
        "list_view": column(pa.list_view(pa.int32()), items),
        "pair": column(pa.list_(pa.float32(), 2), [None if i is None else [i % 64, 0.5] for i in some]),
        "struct": column(pa.struct({"a": pa.int32(), "b": pa.list_(pa.string())}),
                         [None if i is None else {"a": i % 9, "b": ["x"] * (i % 3)} for i in some]),
        "map": column(pa.map_(pa.string(), pa.int8()), [None if i is None else [("k", i % 5)] for i in some]),
        "sparse": pa.UnionArray.from_sparse(types, unions),
        "dense": pa.UnionArray.from_dense(types, pa.array(range(rows), pa.int32()), unions),
        "runs": pa.RunEndEncodedArray.from_arrays(ends, pa.array([] if rows == 0 else ["all"], pa.string())),
        "nothing": pa.nulls(rows),
        "decimal": column(pa.decimal128(20, 4), some),
        "time": column(pa.timestamp("us", "UTC"), some),
        "dictionary": pa.DictionaryArray.from_arrays(column(pa.int16(), [None if i is None else i % 3 for i in some]),
                                                     ["red " * 20, f"green {first}", None]),
        "dictionary_in_list": pa.ListArray.from_arrays(
            pa.array(range(rows + 1), pa.int32()),
            pa.DictionaryArray.from_arrays(pa.array([i % 2 for i in range(rows)], pa.int8()), ["no " * 50, "yes"])),
    })


long = pa.record_batch({
    "number": column(pa.int64(), [i % 252 * 1_234_567_891 for i in range(40_000)]),
    "fixed": column(pa.binary(5), [b"%05d" % (i * i % 500) for i in range(40_000)]),
    "counted": column(pa.int32(), [None if i > 39_000 else i // 64 for i in range(40_000)]),
})
for compression in ("lz4", "zstd", None):
    path = f"{compression}.arrow" if compression else "plain.arrow.zst"
    with pa.OSFile(path, "wb") if compression else pa.CompressedOutputStream(path, "zstd") as out:
        for batches in ([batch(0, 300), batch(0, 0), batch(3, 3)], [long]):
            options = pa.ipc.IpcWriteOptions(compression=compression)
            with pa.ipc.new_stream(out, batches[0].schema, options=options) as writer:
                for each in batches:
                    writer.write_batch(each)
