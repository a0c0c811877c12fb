"""Workers on Redis lists, one for each type of job. What is read goes into dataclasses, which take no other names.

push URL LIST TYPE FIELDS [PRIORITY]    prints the job
pop URL LIST COUNT                      prints the jobs, oldest first
failed URL                              prints the failed records
"""
import json
import sys
import time
import uuid
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Dict, List, Optional

import redis


@dataclass(kw_only=True)
class Job:
    job_id: str
    job_type: str
    created_at: str
    priority: str = "normal"
    retry_count: int = 0
    max_retries: int = 3
    timeout: int = 300
    metadata: Dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class AiProcessing(Job):
    corp_id: str
    pdf_url: Optional[str] = None
    summary_text: Optional[str] = None
    company_name: str = ""
    security_id: str = ""


@dataclass(kw_only=True)
class SupabaseUpload(Job):
    corp_id: str
    processed_data: Dict[str, Any]
    update_existing: bool = False


@dataclass(kw_only=True)
class InvestorAnalysis(Job):
    corp_id: str
    category: str = ""
    individual_investors: List[str] = field(default_factory=list)
    company_investors: List[str] = field(default_factory=list)


@dataclass(kw_only=True)
class AnnouncementScraping(Job):
    source: str
    last_processed_time: Optional[str] = None


TYPES = {
    "ai_processing": AiProcessing,
    "supabase_upload": SupabaseUpload,
    "investor_analysis": InvestorAnalysis,
    "announcement_scraping": AnnouncementScraping,
}


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def read(parts):
    job = TYPES[parts["job_type"]](**parts)
    if datetime.fromisoformat(job.created_at).tzinfo is not None:
        raise ValueError("a time with a zone cannot be compared with ours")
    if job.priority not in ("low", "normal", "high", "urgent"):
        raise ValueError(job.priority)
    return job


def push(client, name, kind, fields, priority="normal"):
    created = datetime.utcnow().isoformat()
    parts = {"job_id": str(uuid.uuid4()), "job_type": kind, "created_at": created, "priority": priority}
    text = compact(asdict(read({**parts, **json.loads(fields)})))
    client.lpush(name, text)
    print(text)


def pop(client, name, count):
    left = int(count)
    deadline = time.monotonic() + 15
    while left > 0 and time.monotonic() < deadline:
        found = client.brpop(name, timeout=1)
        if found is not None:
            read(json.loads(found[1]))
            print(found[1], flush=True)
            left -= 1


def failed(client):
    names = ["job_type", "original_job_type", "original_job_data", "error_message", "error_traceback", "failed_at"]
    for text in client.lrange("backfin:queue:failed_jobs", 0, -1):
        record = json.loads(text)
        if list(record) != names or record["job_type"] != "failed_job":
            raise ValueError(f"a record of {list(record)}")
        read(record["original_job_data"])
        datetime.fromisoformat(record["failed_at"])
        print(text)


command, url, *rest = sys.argv[1:]
{"push": push, "pop": pop, "failed": failed}[command](redis.Redis.from_url(url, decode_responses=True), *rest)
