from bottle import Bottle, run
from markupsafe import _speedups, escape

app = Bottle()


@app.route("/<name>")
def hello(name):
    return f"<p>{escape(name)}</p>"


if __name__ == "__main__":
    print("compiled", _speedups.__name__, flush=True)
    run(app, host="0.0.0.0", port=8000, quiet=True)
