"""For each line of JSON: what json.dumps writes of it, with its names in order, indented, and the repr of its floats."""
import json
import sys

for line in sys.stdin:
    value = json.loads(line)
    print(json.dumps([json.dumps(value), json.dumps(value, sort_keys=True), json.dumps(value, indent=2)]))
