"""A client that speaks the protocol by itself, for what pgbench cannot do.

    clients.py --port P --user U --password P COMMAND …

    verifier                 the password as PostgreSQL keeps it (SCRAM-SHA-256$…)
    idle N PID               logs in N clients, lets each run statements, and prints what the process PID holds for each
    logins SECONDS [tls]     logs in and leaves, with four processes, and prints how often a second
    read PID QUERY           reads a long result and prints its pace, and how far the memory of PID (0: nobody's) went up
    copy-in PID MB           copies into the table sink
    stream N QUERY           N clients that read a result over and over, until the input ends

Each prints lines "what value". A salted password is computed once for each salt: what is measured is the server's work.
"""

import argparse
import base64
import functools
import hashlib
import hmac
import multiprocessing
import os
import random
import socket
import ssl
import struct
import sys
import threading
import time

import process


def digest(key, text):
    return hmac.new(key, text, "sha256").digest()


@functools.cache
def salted(password, salt, rounds):
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)


def verifier(password):
    salt, rounds = os.urandom(16), 4096
    key = salted(password, salt, rounds)
    stored = hashlib.sha256(digest(key, b"Client Key")).digest()
    text = [base64.b64encode(part).decode() for part in (salt, stored, digest(key, b"Server Key"))]
    return f"SCRAM-SHA-256${rounds}:{text[0]}${text[1]}:{text[2]}"


def frame(tag, body):
    return tag + struct.pack("!i", len(body) + 4) + body


def query(text):
    return frame(b"Q", text.encode() + b"\0")


def extended(text):
    parts = [
        frame(b"P", b"\0" + text.encode() + b"\0\0\0"),
        frame(b"B", b"\0\0\0\0\0\0\0\0"),
        frame(b"E", b"\0\0\0\0\0"),
        frame(b"S", b""),
    ]
    return b"".join(parts)


class Client:
    def __init__(self, options, tls=None):
        self.socket = socket.create_connection(("127.0.0.1", options.port), timeout=120)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        if tls:
            self.socket.sendall(struct.pack("!ii", 8, 80877103))
            if self.socket.recv(1) != b"S":
                raise RuntimeError("no TLS there")
            self.socket = tls.wrap_socket(self.socket)
        pairs = f"user\0{options.user}\0database\0{options.database}\0\0".encode()
        self.socket.sendall(struct.pack("!ii", len(pairs) + 8, 196608) + pairs)
        self.log_in(options.password)

    def message(self):
        while len(self.buffer) < 5 or len(self.buffer) < 1 + struct.unpack("!i", self.buffer[1:5])[0]:
            read = self.socket.recv(65536)
            if not read:
                raise RuntimeError("the server has closed the connection")
            self.buffer += read
        end = 1 + struct.unpack("!i", self.buffer[1:5])[0]
        tag, body, self.buffer = self.buffer[:1], self.buffer[5:end], self.buffer[end:]
        if tag == b"E":
            raise RuntimeError(body.replace(b"\0", b" ").decode(errors="replace"))
        return tag, body

    def log_in(self, password):
        nonce = base64.b64encode(random.randbytes(18)).decode()
        first = f"n=,r={nonce}"
        while True:
            tag, body = self.message()
            if tag == b"Z":
                return
            if tag != b"R":
                continue
            kind = struct.unpack("!i", body[:4])[0]
            if kind == 10:
                start = f"n,,{first}".encode()
                named = b"SCRAM-SHA-256\0" + struct.pack("!i", len(start)) + start
                self.socket.sendall(frame(b"p", named))
            elif kind == 11:
                said = body[4:].decode()
                fields = dict(part.split("=", 1) for part in said.split(","))
                key = salted(password, base64.b64decode(fields["s"]), int(fields["i"]))
                client = digest(key, b"Client Key")
                last = f"c=biws,r={fields['r']}"
                signed = digest(hashlib.sha256(client).digest(), f"{first},{said},{last}".encode())
                proof = bytes(a ^ b for a, b in zip(client, signed))
                self.socket.sendall(frame(b"p", f"{last},p={base64.b64encode(proof).decode()}".encode()))
            elif kind != 0 and kind != 12:
                raise RuntimeError(f"authentication of kind {kind} is not known here")

    def run(self, sent):
        self.socket.sendall(sent)
        while self.message()[0] != b"Z":
            pass

    def drain(self, buffer):
        """Reads up to ReadyForQuery without a look at what comes before. Returns how many bytes came."""
        bytes_read, tail = 0, b""
        while not tail.endswith(b"Z\0\0\0\5I"):
            read = self.socket.recv_into(buffer)
            if not read:
                raise RuntimeError("the server has closed the connection")
            bytes_read += read
            tail = (tail + bytes(buffer[max(0, read - 6) : read]))[-6:]
        return bytes_read

    def leave(self):
        self.socket.sendall(frame(b"X", b""))
        self.socket.close()


class Memory(threading.Thread):
    """How much resident memory does a process gain while something goes on?"""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.over = pid, threading.Event()
        self.before = self.most = process.rss(pid) if pid else 0

    def run(self):
        while self.pid and not self.over.wait(0.02):
            self.most = max(self.most, process.rss(self.pid))

    def gained(self):
        self.over.set()
        self.join()
        return self.most - self.before


def idle(options, count, pid):
    # What the first ones bring about stays, and is not theirs.
    early = [Client(options) for _ in range(20)]
    for client in early:
        client.run(query("SELECT abalance FROM pgbench_accounts WHERE aid = 1"))
        client.run(extended("SELECT abalance FROM pgbench_accounts WHERE aid = 2"))
    time.sleep(1)
    before = process.rss(pid)
    clients = []
    for at in range(count):
        client = Client(options)
        client.run(query(f"SELECT abalance FROM pgbench_accounts WHERE aid = {at + 1}"))
        client.run(extended(f"SELECT abalance FROM pgbench_accounts WHERE aid = {at + 1}"))
        clients.append(client)
    time.sleep(2)
    print("bytes", round((process.rss(pid) - before) * 1024 / count))


def log_in_for(options, seconds, tls, done):
    context = None
    if tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    count, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        Client(options, context).leave()
        count += 1
    done.put(count)


def logins(options, seconds, tls):
    done = multiprocessing.Queue()
    arguments = (options, seconds, tls, done)
    workers = [multiprocessing.Process(target=log_in_for, args=arguments) for _ in range(4)]
    for worker in workers:
        worker.start()
    counts = [done.get(timeout=seconds + 60) for _ in workers]
    print("count", sum(counts))
    print("persecond", round(sum(counts) / seconds))


def read(options, pid, text):
    client, memory = Client(options), Memory(pid)
    memory.start()
    begun = time.monotonic()
    client.socket.sendall(query(text))
    size = client.drain(bytearray(1 << 20))
    report(size, time.monotonic() - begun, memory)


def copy_in(options, pid, megabytes):
    client, memory = Client(options), Memory(pid)
    client.run(query("TRUNCATE sink"))
    # Rows of 7 kB, one to a page, so that the server has little to do for each byte.
    row = b"x" * 7000 + b"\n"
    piece = frame(b"d", row) * 16
    memory.start()
    begun = time.monotonic()
    client.socket.sendall(query("COPY sink FROM STDIN"))
    while client.message()[0] != b"G":
        pass
    size = 0
    while size < megabytes << 20:
        client.socket.sendall(piece)
        size += len(piece)
    client.run(frame(b"c", b""))
    report(size, time.monotonic() - begun, memory)
    client.run(query("TRUNCATE sink"))


def report(size, took, memory):
    print("mbs", round(size / took / 1e6, 1))
    if memory.pid:
        print("gained", memory.gained())


def stream(options, count, text):
    def endless():
        buffer, client = bytearray(1 << 20), Client(options)
        while True:
            client.socket.sendall(query(text))
            client.drain(buffer)

    for _ in range(count):
        threading.Thread(target=endless, daemon=True).start()
    sys.stdin.read()
    os._exit(0)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--port", type=int, default=5432)
    parser.add_argument("--user", default="bench")
    parser.add_argument("--database", default="postgres")
    parser.add_argument("--password", default="")
    parser.add_argument("command")
    parser.add_argument("rest", nargs="*")
    options = parser.parse_args()
    match options.command, *options.rest:
        case ["verifier"]:
            print(verifier(options.password))
        case ["idle", count, pid]:
            idle(options, int(count), int(pid))
        case ["logins", seconds, *tls] if tls in ([], ["tls"]):
            logins(options, float(seconds), bool(tls))
        case ["read", pid, text]:
            read(options, int(pid), text)
        case ["copy-in", pid, megabytes]:
            copy_in(options, int(pid), int(megabytes))
        case ["stream", count, text]:
            stream(options, int(count), text)
        case _:
            parser.error("no such command, or not with these arguments")


if __name__ == "__main__":
    main()
