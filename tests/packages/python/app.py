"""A web service on Flask and NumPy, behind API Gateway's events."""

import zlib

import numpy
from apig_wsgi import make_lambda_handler
from flask import Flask, Response, request

app = Flask(__name__)


@app.get("/hello/<name>")
def hello(name):
    return f"hello, {name}, {request.args.get('greeting', 'good day')}"


@app.post("/native")
def native():
    """The polynomial that is 1 at all these points: LAPACK, which the wheel brings."""
    matrix = numpy.vander(numpy.array(request.get_json()["points"], dtype=float))
    return numpy.linalg.solve(matrix, numpy.ones(len(matrix))).tolist()


@app.get("/binary")
def binary():
    return Response(zlib.compress(numpy.arange(1000, dtype="<u2").tobytes(), 9), mimetype="application/octet-stream")


@app.get("/fail")
def fail():
    raise RuntimeError("asked to")


handler = make_lambda_handler(app, binary_support=True)
