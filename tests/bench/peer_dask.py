# SPDX-License-Identifier: MIT
# peer_dask.py ADDRESS TASKS - the same no-op through Dask distributed, one at a
# time; prints one JSON line with the times from submit to result.
import json
import sys
import time

from distributed import Client


def noop(i):
    return i


client = Client(sys.argv[1])
client.wait_for_workers(2)
took = []
for i in range(-20, int(sys.argv[2])):
    start = time.perf_counter()
    client.submit(noop, i, pure=False).result()
    if i >= 0:
        took.append((time.perf_counter() - start) * 1e6)
took.sort()
print(json.dumps({"p50_us": round(took[len(took) // 2], 1), "p99_us": round(took[len(took) * 99 // 100], 1)}))
