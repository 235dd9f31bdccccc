"""A stand-in for a llama-server of somebody's own: it takes that program's options and runs the server of xllamacpp."""

from __future__ import annotations

import argparse
import sys
import threading

import xllamacpp

parser = argparse.ArgumentParser()
parser.add_argument("-m")
parser.add_argument("--host")
for option in ("--port", "-c", "-np", "-t", "-tb", "-ngl", "-b", "-ub", "--cache-ram"):
    parser.add_argument(option, type=int)
parser.add_argument("-fa", choices=["on", "off"])
parser.add_argument("--no-webui", action="store_true")
parser.add_argument("--no-repack", action="store_true")
parser.add_argument("--spec-type", choices=["ngram-map-k"])
parser.add_argument("--spec-ngram-map-k-size-n", type=int)
parser.add_argument("--spec-ngram-map-k-size-m", type=int)
given = parser.parse_args()

params = xllamacpp.CommonParams()
params.model.path = given.m
params.hostnames = [given.host]
params.port = given.port
params.n_ctx, params.n_parallel = given.c, given.np
params.cpuparams.n_threads = given.t
params.n_gpu_layers = given.ngl
params.no_extra_bufts = given.no_repack
params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
server = xllamacpp.Server(params)
print(server.listening_address, file=sys.stderr)
threading.Event().wait()
