"""Announcements of models on Redis lists. What is read goes into dataclasses, which take no other names.

publish URL QUEUE PAYLOAD                              LPUSH and PUBLISH; prints the entry
consume URL QUEUE PROCESSING COUNT [fail]              prints what it handles
listen URL CHANNEL COUNT                               prints "ready", then what is published
dead URL DLQ                                           prints the dead letters
"""
import json
import sys
import time
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Dict, Optional

import redis


@dataclass
class Announcement:
    model_id: str
    token_symbol: str
    metric_name: str
    baseline_value: float
    current_value: float
    model_name: str
    model_version: str
    mlflow_run_id: str
    improvement_percentage: Optional[float] = None
    contributor_address: Optional[str] = None
    experiment_name: Optional[str] = None
    tags: Optional[Dict[str, str]] = None
    timestamp: Optional[str] = None
    message_version: str = "1.0"


@dataclass
class Envelope:
    message_id: str
    message_type: str
    payload: Dict[str, Any]
    timestamp: datetime
    retry_count: int = 0
    max_retries: int = 3

    def text(self):
        return json.dumps({**asdict(self), "timestamp": self.timestamp.isoformat()})

    @staticmethod
    def read(text):
        parts = json.loads(text)
        parts["timestamp"] = datetime.fromisoformat(parts["timestamp"])
        if parts["timestamp"].tzinfo is not None:
            raise ValueError("a timestamp with a zone cannot be compared with ours")
        return Envelope(**parts)


def publish(client, queue, payload):
    announcement = Announcement(**json.loads(payload))
    announcement.timestamp = datetime.utcnow().isoformat()
    gain = announcement.current_value - announcement.baseline_value
    announcement.improvement_percentage = gain / announcement.baseline_value * 100
    envelope = Envelope(str(uuid.uuid4()), "model_ready_to_deploy", asdict(announcement), datetime.utcnow())
    client.lpush(queue, envelope.text())
    client.publish(f"{queue}:pubsub", json.dumps(asdict(announcement)))
    print(envelope.text())


def consume(client, queue, processing, count, mode="handle"):
    left = int(count)
    deadline = time.monotonic() + 15
    while left > 0 and time.monotonic() < deadline:
        text = client.brpoplpush(queue, processing, timeout=1)
        if text is None:
            continue
        envelope = Envelope.read(text)
        Announcement(**envelope.payload)
        print(text, flush=True)
        left -= 1
        if client.lrem(processing, 1, text) != 1:
            raise ValueError("what was taken is not in the processing list")
        if mode == "fail":
            if envelope.retry_count < envelope.max_retries:
                envelope.retry_count += 1
                client.lpush(queue, envelope.text())
            else:
                record = {
                    "original_message": envelope.text(),
                    "error": "Processing failed",
                    "failed_at": datetime.utcnow().isoformat(),
                    "original_queue": queue,
                }
                client.lpush(f"{queue}:dlq", json.dumps(record))


def listen(client, channel, count):
    subscriber = client.pubsub(ignore_subscribe_messages=False)
    subscriber.subscribe(channel)
    left = int(count)
    for event in subscriber.listen():
        if event["type"] == "subscribe":
            print(json.dumps("ready"), flush=True)
        else:
            Announcement(**json.loads(event["data"]))
            print(event["data"], flush=True)
            left -= 1
            if left == 0:
                return


def dead(client, dlq):
    for text in client.lrange(dlq, 0, -1):
        record = json.loads(text)
        if set(record) != {"original_message", "error", "failed_at", "original_queue"}:
            raise ValueError(f"a record of {sorted(record)}")
        datetime.fromisoformat(record["failed_at"])
        print(text)


command, url, *rest = sys.argv[1:]
commands = {"publish": publish, "consume": consume, "listen": listen, "dead": dead}
commands[command](redis.Redis.from_url(url, decode_responses=True), *rest)
