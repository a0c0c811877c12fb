"""Agents that write to each other over Redis Streams, with signatures.

send URL SECRET FROM TO TYPE PAYLOAD     prints the message
consume URL SECRET AGENT GROUP COUNT     prints what it reads, checked as it was signed
dlq URL AGENT                            prints the dead letters, read as messages
tell URL FROM TO TYPE PAYLOAD            says it on a channel; prints what was said
hear URL CHANNEL COUNT                   prints "ready", then what is said there
"""
import hashlib
import hmac
import json
import sys
import time
import uuid
from dataclasses import dataclass
from enum import Enum
from typing import Optional

import redis


class MessageType(Enum):
    TASK_REQUEST = "task_request"
    TASK_RESULT = "task_result"
    EVENT = "event"
    COORDINATION = "coordination"
    HEARTBEAT = "heartbeat"
    BROADCAST = "broadcast"
    ERROR = "error"


class Priority(Enum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


@dataclass
class Message:
    id: str
    from_agent: str
    to_agent: Optional[str]
    message_type: MessageType
    payload: dict
    priority: Priority
    timestamp: float
    correlation_id: Optional[str] = None
    signature: Optional[str] = None
    ttl: Optional[int] = None

    def signed_with(self, secret):
        payload = json.dumps(self.payload, sort_keys=True)
        to = self.to_agent or "broadcast"
        text = f"{self.id}{self.from_agent}{to}{self.message_type.value}{payload}{self.timestamp}"
        return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()

    def fields(self):
        fields = {
            "id": self.id,
            "from_agent": self.from_agent,
            "to_agent": self.to_agent or "broadcast",
            "message_type": self.message_type.value,
            "payload": json.dumps(self.payload),
            "priority": self.priority.value,
            "timestamp": str(self.timestamp),
            "correlation_id": self.correlation_id or "",
            "signature": self.signature or "",
        }
        if self.ttl:
            fields["ttl"] = str(self.ttl)
        return fields

    @staticmethod
    def read(fields):
        return Message(
            id=fields["id"],
            from_agent=fields["from_agent"],
            to_agent=None if fields["to_agent"] == "broadcast" else fields["to_agent"],
            message_type=MessageType(fields["message_type"]),
            payload=json.loads(fields["payload"]),
            priority=Priority(fields["priority"]),
            timestamp=float(fields["timestamp"]),
            correlation_id=fields["correlation_id"] or None,
            signature=fields["signature"] or None,
            ttl=int(fields["ttl"]) if fields.get("ttl") else None,
        )


def stream_of(agent):
    return f"agent_messages:{agent}"


def send(client, secret, sender, to, kind, payload):
    message = Message(
        id=str(uuid.uuid4()),
        from_agent=sender,
        to_agent=None if to == "broadcast" else to,
        message_type=MessageType(kind),
        payload=json.loads(payload),
        priority=Priority.HIGH,
        timestamp=time.time(),
        correlation_id="c-1",
        ttl=3600,
    )
    if secret:
        message.signature = message.signed_with(secret)
    client.xadd(stream_of(to), message.fields(), maxlen=1_000_000, approximate=True)
    print(json.dumps(message.fields()))


def consume(client, secret, agent, group, count):
    stream = stream_of(agent)
    try:
        client.xgroup_create(stream, group, id="$", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise
    left = int(count)
    deadline = time.monotonic() + 15
    while left > 0 and time.monotonic() < deadline:
        for _, entries in client.xreadgroup(group, "agent-1", {stream: ">"}, count=10, block=1000):
            for entry, fields in entries:
                message = Message.read(fields)
                if secret and not hmac.compare_digest(message.signed_with(secret), message.signature or ""):
                    raise ValueError(f"{message.id} is not signed by whom it says")
                print(json.dumps(fields), flush=True)
                client.xack(stream, group, entry)
                left -= 1


def dlq(client, agent):
    for _, fields in client.xrange(f"{stream_of(agent)}:dlq"):
        Message.read(fields)
        float(fields["dlq_timestamp"])
        print(json.dumps(fields))


@dataclass
class Said:
    """What is said on a channel: these names and no others."""

    id: str
    to: Optional[str]
    type: str
    payload: dict
    timestamp: float
    priority: str
    ttl: Optional[int]
    correlation_id: Optional[str]
    acknowledgment_required: bool


def tell(client, sender, to, kind, payload):
    said = {
        "id": str(uuid.uuid4()),
        "from": sender,
        "to": to,
        "type": kind,
        "payload": json.loads(payload),
        "timestamp": time.time(),
        "priority": "low",
        "ttl": 60,
        "correlation_id": None,
        "acknowledgment_required": False,
    }
    text = json.dumps(said)
    client.publish("broadcast" if to == "broadcast" else f"agent:{to}", text)
    print(text)


def hear(client, channel, count):
    subscriber = client.pubsub()
    subscriber.subscribe(channel)
    left = int(count)
    for event in subscriber.listen():
        if event["type"] == "subscribe":
            print(json.dumps("ready"), flush=True)
            continue
        parts = json.loads(event["data"])
        sender = parts.pop("from")
        said = Said(**parts)
        MessageType(said.type)
        Priority(said.priority)
        if not isinstance(said.timestamp, float) or not sender:
            raise ValueError(event["data"])
        print(event["data"], flush=True)
        left -= 1
        if left == 0:
            return


command, url, *rest = sys.argv[1:]
commands = {"send": send, "consume": consume, "dlq": dlq, "tell": tell, "hear": hear}
commands[command](redis.Redis.from_url(url, decode_responses=True), *rest)
