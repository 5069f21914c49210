"""outbox_client.py - a peer: a Python client that drains the outbox with SKIP LOCKED.

    python3 outbox_client.py CONNINFO URL CA-FILE BATCH

As outbox_client.cpp, with one session and one connection.
"""

import http.client
import ssl
import sys
from urllib.parse import urlsplit

import psycopg2


def main():
    conninfo, url, ca_file, batch = sys.argv[1:]
    parts = urlsplit(url)
    remote = http.client.HTTPSConnection(
        parts.hostname, parts.port, context=ssl.create_default_context(cafile=ca_file))
    database = psycopg2.connect(conninfo)
    cursor = database.cursor()
    while True:
        cursor.execute(
            "SELECT id, body FROM outbox ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED", (int(batch),))
        rows = cursor.fetchall()
        if not rows:
            break
        body = '{"data":[' + ",".join(row[1] for row in rows) + "]}"
        remote.request("POST", parts.path, body, {"Content-Type": "application/json"})
        remote.getresponse().read()
        cursor.execute("DELETE FROM outbox WHERE id = ANY (%s)", ([row[0] for row in rows],))
        database.commit()


if __name__ == "__main__":
    main()
