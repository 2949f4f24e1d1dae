"""One worker process of the stand-in for nuclio: what nuclio's Python wrapper does, with the real `nuclio_sdk`.

Run as `python nuclio_worker.py FOLDER`; the address to connect to comes in the environment.
"""

import importlib
import json
import os
import sys
import time
import traceback
from multiprocessing.connection import Client

import nuclio_sdk
import nuclio_sdk.json_encoder
import nuclio_sdk.logger

ENCODER = nuclio_sdk.json_encoder.Encoder()


def main(folder):
    sys.path.insert(0, folder)
    os.chdir(folder)
    context = make_context(sys.stderr)
    module = importlib.import_module("main")  # the order is nuclio's: import, connect, init_context, ready
    with Client(os.environ["NUCLIO_ADDRESS"]) as connection:
        module.init_context(context)
        connection.send_bytes(b"ready")
        while True:
            try:
                packet = json.loads(connection.recv_bytes())
                packet["body"] = connection.recv_bytes()
            except EOFError:
                return
            connection.send_bytes(json.dumps(answer(module, context, packet)).encode())


def make_context(log):
    logger = nuclio_sdk.Logger("DEBUG")
    logger.set_handler("default", log, nuclio_sdk.logger.HumanReadableFormatter())
    return nuclio_sdk.Context(logger, worker_id=0)


def packet_of(content_type, headers, body):
    """An event as the processor packs it for the wrapper."""
    return {
        "content_type": content_type, "headers": headers, "fields": {}, "id": "1", "method": "POST", "path": "/",
        "url": "/", "size": len(body), "timestamp": int(time.time()), "shard_id": 0, "num_shards": 1, "type": "",
        "type_version": "", "version": 0, "body": body,
    }  # fmt: skip


def answer(module, context, packet):
    """Hand a packet to the function's handler, and pack what it returns."""
    packet = {key.encode(): _raw(value) for key, value in packet.items()}
    packet[b"trigger"] = {b"kind": b"http", b"name": b"http"}
    try:
        event = nuclio_sdk.Event.deserialize(packet, kind=nuclio_sdk.EventDeserializerKinds.msgpack_raw)
        return nuclio_sdk.Response.from_entrypoint_output(ENCODER.encode, module.handler(context, event))
    except BaseException:  # the wrapper answers with the traceback, whatever was raised
        return {
            "body": traceback.format_exc(),
            "body_encoding": "text",
            "content_type": "text/plain",
            "headers": {},
            "status_code": 500,
        }


def _raw(value):
    return value.encode() if isinstance(value, str) else value


if __name__ == "__main__":
    main(sys.argv[1])
