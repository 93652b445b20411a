# SPDX-License-Identifier: Apache-2.0
"""pyarrow's side of the encoder part of tests/bench/run s3: the columns of a file read into memory, then written again, on one core and in one
thread, into memory. Options as JSON on the command line: file, codec, level, rounds, indexes. Prints {"rows", "seconds", "bytes"}: CPU
seconds of the best round."""
import json
import sys
import time

import pyarrow
import pyarrow.parquet


def main():
    job = json.loads(sys.argv[1])
    pyarrow.set_cpu_count(1)
    pyarrow.set_io_thread_count(1)
    table = pyarrow.parquet.read_table(job["file"], use_threads=False).combine_chunks()
    more = {"write_page_index": True, "write_page_checksum": True} if job["indexes"] else {}
    best = None
    for _ in range(job["rounds"]):
        out = pyarrow.BufferOutputStream()
        began = time.process_time()
        pyarrow.parquet.write_table(table, out, compression=job["codec"], compression_level=job["level"], row_group_size=len(table), **more)
        seconds = time.process_time() - began
        size = out.getvalue().size
        best = seconds if best is None else min(best, seconds)
    print(json.dumps({"rows": len(table), "seconds": best, "bytes": size}))


if __name__ == "__main__":
    main()
