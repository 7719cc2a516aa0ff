#!/usr/bin/env python3
"""Stands in for Grafana, which is in no registry that tests may ask.

Reads what Grafana would read, keeps a copy of it beside itself for the test, serves the health page, and sends messages
that Grafana 12.4.0 sent once to the contact point, as it does when a rule fires. Evaluates nothing."""

import configparser
import http.server
import json
import os
import pathlib
import re
import shutil
import sys
import threading
import urllib.request

here = pathlib.Path(os.path.realpath(__file__)).parent
arguments = dict(zip(sys.argv[2::2], sys.argv[3::2]))
settings = configparser.ConfigParser(interpolation=None)
settings.read(arguments["--config"])
provisioning = pathlib.Path(settings["paths"]["provisioning"])
for name in ("data", "logs", "plugins"):
    assert os.access(settings["paths"][name], os.W_OK), name
home = pathlib.Path(settings["dashboards"]["default_home_dashboard_path"])
json.loads(home.read_text())

# Only what is quoted as JSON is taken: the test reads the files as YAML.
points = (provisioning / "alerting/contact-points.yml").read_text()
url = re.search(r"^ *url: (http\S+)$", points, re.MULTILINE).group(1)
token = json.loads(re.search(r'^ *authorization_credentials: ("[^"]*")', points, re.MULTILINE).group(1))


def deliver(message):
    request = urllib.request.Request(
        url,
        data=(here / message).read_bytes(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
    )
    # No proxy of the shell that started the tests.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request) as answer:
        return [answer.status, json.load(answer)]


def tell():
    answers = {message: deliver(message) for message in ("unknown.json", "up.json")}
    seen = {
        "pid": os.getpid(),
        "arguments": sys.argv[1:],
        "variables": sorted(os.environ),
        "settings": {section: dict(settings[section]) for section in settings.sections()},
        "answers": answers,
    }
    shutil.copytree(provisioning, here / "provisioning")
    (here / "seen.tmp").write_text(json.dumps(seen))
    (here / "seen.tmp").rename(here / "seen.json")


class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()

    def log_message(self, *arguments):
        pass


address = (settings["server"]["http_addr"], int(settings["server"]["http_port"]))
server = http.server.HTTPServer(address, Health)
threading.Thread(target=tell, daemon=True).start()
server.serve_forever()
