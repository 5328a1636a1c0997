"""boto3's side of calls.ts: ENDPOINT THREADS WARM_CALLS SECONDS; prints calls, seconds and processor seconds as JSON."""

import json
import sys
import threading
import time

import boto3
from botocore.config import Config

endpoint, threads, warm_calls, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
client = boto3.client(
    "iam",
    region_name="us-east-1",
    endpoint_url=endpoint,
    aws_access_key_id="AKIDBENCH00000000000",
    aws_secret_access_key="bench",
    config=Config(max_pool_connections=threads, proxies={}),
)


def in_threads(more):
    counts = [0] * threads

    def work(index):
        while more(counts[index]):
            client.list_access_keys(UserName="alice")
            counts[index] += 1

    workers = [threading.Thread(target=work, args=(index,)) for index in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(counts)


in_threads(lambda made: made < warm_calls / threads)
begun, cpu = time.perf_counter(), time.process_time()
calls = in_threads(lambda _made: time.perf_counter() - begun < seconds)
print(json.dumps({"calls": calls, "seconds": time.perf_counter() - begun, "cpu_seconds": time.process_time() - cpu}))
