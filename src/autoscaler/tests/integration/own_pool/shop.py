"""A member of somebody's own pool: a web application that knows nothing of the autoscaler, and what
a node exporter serves beside it.

usage: shop.py ADDRESS
"""

import http.server
import sys
import threading
import time

ADDRESS = sys.argv[1]
BOOTED = time.time()


class Shop(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"OK\n" if self.path == "/health" else b"welcome\n")

    def log_message(self, *_):
        pass


class NodeExporter(Shop):
    def do_GET(self):
        used, up = time.process_time(), time.time() - BOOTED
        text = (
            "# TYPE node_cpu_seconds_total counter\n"
            f'node_cpu_seconds_total{{cpu="0",mode="idle"}} {max(0.0, up - used)}\n'
            f'node_cpu_seconds_total{{cpu="0",mode="user"}} {used}\n'
            "# TYPE node_boot_time_seconds gauge\n"
            f"node_boot_time_seconds {BOOTED}\n"
            "# TYPE node_time_seconds gauge\n"
            f"node_time_seconds {time.time()}\n"
        )
        self.send_response(200)
        self.send_header("content-type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(text.encode())


for port, handler in ((8080, Shop), (9100, NodeExporter)):
    server = http.server.ThreadingHTTPServer((ADDRESS, port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
# It ends with who started it.
sys.stdin.read()
