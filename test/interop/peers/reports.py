"""Reports of a machine's resources, in files or in a stream.

write FOLDER                 writes a report; prints name and content
read NEW ARCHIVE             takes the latest report, archives it; prints name and content; nothing where there is none
add URL STREAM               prints the report
take URL STREAM COUNT        prints the reports
"""
import json
import os
import sys
import time
from datetime import datetime

import redis

METRICS = {
    "disk_filesystem": str,
    "disk_size_gb": float,
    "disk_used_gb": float,
    "disk_available_gb": float,
    "disk_usage_percent": int,
    "cpu_usage_percent": float,
    "mem_total_mb": int,
    "mem_used_mb": int,
    "mem_usage_percent": float,
}


def report():
    values = ["/dev/root", 40.0, 32.5, 7.5, 81, 3.0, 16000, 8000, 50.0]
    return {
        "timestamp": datetime.now().isoformat(),
        "team_id": "Data Team",
        "resource_type": "System Resources",
        "metrics": dict(zip(METRICS, values)),
    }


def checked(text):
    data = json.loads(text)
    if list(data) != ["timestamp", "team_id", "resource_type", "metrics"]:
        raise ValueError(f"a report of {list(data)}")
    for name, kind in METRICS.items():
        if not isinstance(data["metrics"][name], kind):
            raise ValueError(f"{name} is {data['metrics'][name]!r}")
    datetime.fromisoformat(data["timestamp"])
    return data


def write(folder):
    name = f"resource_report_{datetime.now().strftime('%Y%m%d%H%M%S%f')}.json"
    path = os.path.join(folder, name)
    with open(f"{path}.tmp", "w") as file:
        json.dump(report(), file, indent=2)
    os.rename(f"{path}.tmp", path)
    with open(path) as file:
        print(json.dumps({"name": name, "text": file.read()}))


def read(new, archive):
    names = sorted(name for name in os.listdir(new) if name.endswith(".json"))
    if not names:
        return
    path = os.path.join(new, names[-1])
    with open(path) as file:
        text = file.read()
    try:
        checked(text)
    except json.JSONDecodeError:
        os.rename(path, os.path.join(archive, f"{names[-1]}.corrupted"))
        return
    os.rename(path, os.path.join(archive, names[-1]))
    print(json.dumps({"name": names[-1], "text": text}))


def add(url, stream):
    text = json.dumps(report())
    redis.Redis.from_url(url).xadd(stream, {"data": text}, maxlen=1000, approximate=True)
    print(text)


def take(url, stream, count):
    client = redis.Redis.from_url(url, decode_responses=True)
    try:
        client.xgroup_create(stream, "ct002_group", id="0", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise
    left = int(count)
    deadline = time.monotonic() + 15
    while left > 0 and time.monotonic() < deadline:
        for _, entries in client.xreadgroup("ct002_group", "ct002_instance", {stream: ">"}, count=1, block=1000):
            for entry, fields in entries:
                if list(fields) != ["data"]:
                    raise ValueError(f"an entry of {list(fields)}")
                checked(fields["data"])
                print(fields["data"], flush=True)
                client.xack(stream, "ct002_group", entry)
                left -= 1


command, *rest = sys.argv[1:]
{"write": write, "read": read, "add": add, "take": take}[command](*rest)
