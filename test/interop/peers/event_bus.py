"""An event bus on Redis Streams, as other programs have it: a stream for each type, retries that are added anew.

publish URL TYPE SOURCE DATA [COUNT]    prints the entries' ids
consume URL TYPE GROUP COUNT [fail]     handles so many entries; with fail each fails, and waits for no backoff
"""
import json
import sys
import time
from dataclasses import dataclass
from datetime import datetime

import redis

MAX_RETRIES = 3


@dataclass
class Event:
    type: str
    source: str
    data: dict
    timestamp: str
    retry_count: int


def now():
    return datetime.now().isoformat()


def publish(client, kind, source, data, count="1"):
    for _ in range(int(count)):
        fields = {
            "type": kind,
            "source": source,
            "data": json.dumps(json.loads(data)),
            "timestamp": now(),
            "retry_count": "0",
        }
        print(json.dumps({"id": client.xadd(f"events:{kind}", fields)}))


def read(fields):
    known = dict(fields)
    for extra in ("last_error", "failed_at"):
        known.pop(extra, None)
    known["data"] = json.loads(known["data"])
    known["retry_count"] = int(known["retry_count"])
    event = Event(**known)
    datetime.fromisoformat(event.timestamp)
    return event


def consume(client, kind, group, count, mode="handle"):
    stream = f"events:{kind}"
    try:
        client.xgroup_create(stream, group, id="0", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise
    consumer = f"consumer_{time.time()}"
    left = int(count)
    deadline = time.monotonic() + 15
    while left > 0 and time.monotonic() < deadline:
        for _, entries in client.xreadgroup(group, consumer, {stream: ">"}, count=10, block=1000):
            for entry, fields in entries:
                event = read(fields)
                print(json.dumps({"id": entry, **event.__dict__, "fields": fields}), flush=True)
                left -= 1
                if mode == "fail":
                    fail(client, stream, entry, fields, event)
                client.xack(stream, group, entry)


def fail(client, stream, entry, fields, event):
    if event.retry_count < MAX_RETRIES:
        again = {"retry_count": str(event.retry_count + 1), "last_error": "boom", "failed_at": now()}
        client.xadd(stream, {**fields, **again})
    else:
        given_up = {"final_error": "boom", "dead_letter_at": now(), "original_id": entry}
        client.xadd(f"{stream}:dead_letter", {**fields, **given_up})


command, url, *rest = sys.argv[1:]
{"publish": publish, "consume": consume}[command](redis.Redis.from_url(url, decode_responses=True), *rest)
