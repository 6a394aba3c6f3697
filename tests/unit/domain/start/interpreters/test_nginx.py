"""The configuration of nginx. The texts were recorded from nginx 1.22."""

from __future__ import annotations

import pytest
from linear_time import assert_linear

from weighbridge.domain.start.interpreters.nginx_syntax import NginxSyntaxError, directives
from weighbridge.domain.start.predict import Starts

REFUSED = "configuration-refused"
NAMES = (
    "events http server listen location root include user daemon pid error_log access_log proxy_pass upstream "
    "load_module ssl_certificate ssl_certificate_key return set map add_header gzip types server_name uri "
    "rewrite if http2 client_max_body_size proxy_read_timeout proxy_next_upstream_tries limit_except stream rtmp "
    "pcre2_compile_8 backup.servers"
)
BUILT = b" --prefix=/usr/share/nginx --conf-path=/etc/nginx/nginx.conf --pid-path=/run/nginx.pid "
TEMPORARY = b"--http-client-body-temp-path=/var/cache/nginx/client_temp "


@pytest.fixture
def nginx(program):
    """An nginx that has the directives of `NAMES`."""
    names = b"\0".join(name.encode() for name in NAMES.split()).replace(b".", b" ")
    return {"/usr/bin/nginx": program + names + b"\0nginx/1.22.1\0configure arguments:" + BUILT + b"\0", "/run/": b""}


def _files(nginx, text, **more):
    return {**nginx, "/etc/nginx/nginx.conf": text.encode(), **more}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("http { server { listen 80; } }", 'no "events" section in configuration'),
        ("events {} http { brotli on; }", 'unknown directive "brotli"'),
        ("events {} http { server { listen 80; }", 'unexpected end of file, expecting "}"'),
        ("events {} http { server { listen 80; } } }", 'unexpected "}"'),
        ("events {} user", 'unexpected end of file, expecting ";" or "}"'),
        ("events {} http { server { listen 80 root /x; } }", 'invalid parameter "root"'),
        ("events {} http { server { root /x index.html; } }", 'invalid number of arguments in "root" directive'),
        ("events {} http { server { root /x location / { } } }", 'directive "root" is not terminated by ";"'),
        ("events {} http { server { location / ; } }", 'directive "location" has no opening "{"'),
        ("events {} server { listen 80; }", '"server" directive is not allowed here'),
        ("events {} http { http { } }", '"http" directive is not allowed here'),
        ("events {} daemon on; daemon off;", '"daemon" directive is duplicate'),
        ("user nosuch; events {}", 'getpwnam("nosuch") failed'),
        ("events {} http { include /etc/gone; }", 'open() "/etc/gone" failed (2: No such file or directory)'),
        ("events {} http { server { listen ${PORT}; } }", 'host not found in "${PORT}" of the "listen" directive'),
        ("events {} http { server { return 200 $gone; } }", 'unknown "gone" variable'),
        (
            "events {} http { server { ssl_certificate /c.pem; } }",
            'cannot load certificate "/c.pem": BIO_new_file() failed',
        ),
        ("events {} http { access_log /gone/a.log; }", 'open() "/gone/a.log" failed (2: No such file or directory)'),
        ("events {} http { servers 1; }", 'unknown directive "servers"'),
        ("events {} http { server { http2 on; } }", 'unknown directive "http2"'),
        ("events {} http { server { proxy_pass http://a; } }", '"proxy_pass" directive is not allowed here'),
        ("events {} http { gzip maybe; }", 'invalid value "maybe" in "gzip" directive, it must be "on" or "off"'),
        ("events {} http { client_max_body_size 10MB; }", '"client_max_body_size" directive invalid value'),
        ("events {} http { proxy_read_timeout 60sec; }", '"proxy_read_timeout" directive invalid value'),
        ("events {} http { proxy_next_upstream_tries a; }", '"proxy_next_upstream_tries" directive invalid number'),
        (
            "events {} http { server { rewrite ^/(a /b; } }",
            'pcre2_compile() failed: missing closing parenthesis in "^/(a"',
        ),
        (
            "events {} http { server { rewrite ^/a) /b; } }",
            'pcre2_compile() failed: unmatched closing parenthesis in "^/a)"',
        ),
        (
            "events {} http { server { location ~ [a-z { } } }",
            'pcre2_compile() failed: missing terminating ] for character class in "[a-z"',
        ),
        ("events {} http { server { rewrite ^/a$ /$gone; } }", 'unknown "gone" variable'),
        ("events {} http { server { set $a $gone; } }", 'unknown "gone" variable'),
        ("events {} http { server { if ($gone) { return 403; } } }", 'unknown "gone" variable'),
        ("events {} http { server { location /a { } location /a { } } }", 'duplicate location "/a"'),
        ("events {} http { upstream a { } upstream a { } }", 'duplicate upstream "a"'),
        ("events {} http { server { location / { proxy_pass a:1; } } }", "invalid URL prefix"),
        (
            "events {} http { server { location ~ a { proxy_pass http://127.0.0.1/x; } } }",
            '"proxy_pass" cannot have URI part in location given by regular expression',
        ),
        ("events {} http { server { listen 80; listen *:80; } }", "a duplicate listen 0.0.0.0:80"),
        (
            "events {} http { server { listen 80 default_server; } server { listen 0.0.0.0:80 default_server; } }",
            "a duplicate default server for 0.0.0.0:80",
        ),
        (
            "events {} http { server { listen [::]:80 ipv6only=on; } server { listen [::]:80 ipv6only=on; } }",
            "duplicate listen options for [::]:80",
        ),
        (
            "events {} http { server { listen 443 ssl; } }",
            'no "ssl_certificate" is defined for the "listen ... ssl" directive',
        ),
        ("load_module modules/x.so; events {}", "cannot open shared object file: No such file or directory"),
    ],
)
def test_configuration_with_error_dies_with_its_text(dies, nginx, text, message):
    dies(REFUSED, message, _files(nginx, text), "nginx")


@pytest.mark.parametrize(
    "text",
    [
        "events {} http { server { listen 80 default_server; root /x; } }",
        "events {}\n# } {\nhttp { server { listen 443; server_name a '}' \"b;\" ${x}y; } }",
        "events {} http { map $uri $gone { default 1; } server { return 200 $gone$arg_x$uri; } }",
        "events {} http { server { location ~ ^/(?<part>x) { return 200 $part$1; } } }",
        "events {} http { types { text/html html; } server { listen [::]:80; } }",
        "events {} http { include /etc/nginx/*.none; upstream app { server 127.0.0.1:1; } "
        "server { location / { proxy_pass http://app; } } }",
        "user www; events {}",
        'events {} http { server { rewrite "^/(?<a>[^)\\]]{1,3})[)](?:x|\\()$" /b/$a; } }',
        "events {} http { server { location = /a { } location /a { } location ~ /a { } location ~ /a { } } }",
        "events {} http { server { location /a { } } server { location /a { } } }",
        "events {} http { server { set $b c; location ~ a { proxy_pass http://$b/x; } } }",
        "events {} http { server { listen 443 quic reuseport; listen 443 reuseport; } }",
        "events {} http { server { listen 80 default_server; listen [::]:80 default_server; } }",
        "events {} stream { upstream a { } server { listen 80; listen 80; proxy_pass a; } } http { upstream a { } }",
        "events {} http { client_max_body_size 10m; proxy_read_timeout 1m30s; gzip ON; }",
        "events {} rtmp { server { listen 1; listen 1; foo; } }",
        "events {} http { content_by_lua_block { if x then } }",
    ],
)
def test_configuration_without_error_starts(run, nginx, text):
    files = _files(nginx, text, **{"/etc/passwd": b"www:x:5:5::/:/bin/sh\n", "/etc/group": b"www:x:5:\n"})
    assert run(files, "nginx", "-g", "daemon off;").starts is Starts.YES


def test_program_of_dashes_is_read_in_linear_time(run, nginx):
    def read(size):
        files = _files(nginx, "events {}", **{"/usr/bin/nginx": nginx["/usr/bin/nginx"] + b"-" * size})
        return run(files, "nginx", "-g", "daemon off;")

    assert_linear(read, largest=160_000)


def test_host_of_proxy_is_not_checked(run, nginx):
    files = _files(nginx, "events {} http { server { location / { proxy_pass http://api:3000/; } } }")
    prediction = run(files, "nginx")
    assert prediction.starts is Starts.NOT_CHECKED
    assert "names api" in prediction.not_checked[0]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("nginx", "-g", "daemon off"), 'unexpected end of parameter, expecting ";"'),
        (("nginx", "-g", "pid /run/x;"), '"pid" directive is duplicate'),
    ],
)
def test_directive_of_command_line_with_error_dies(dies, nginx, command, message):
    dies(REFUSED, message, _files(nginx, "events {} pid /run/n.pid;"), *command)


def test_unknown_option_of_nginx_is_refused(dies, nginx):
    dies("program-option-refused", 'invalid option: "-"', _files(nginx, "events {}"), "nginx", "--daemon")
    dies("program-option-refused", 'invalid option: "run"', _files(nginx, "events {}"), "nginx", "run")


def test_user_without_access_to_folders_of_nginx_dies(dies, run, nginx):
    files = _files(nginx, "events {} http { server { listen 80; } }", **{"/var/cache/nginx/": b""})
    files["/usr/bin/nginx"] += b"configure arguments: " + TEMPORARY + b"\0"
    text = 'mkdir() "/var/cache/nginx/client_temp" failed (13: Permission denied)'
    dies(REFUSED, text, files, "nginx", user="1000")
    assert run(files, "nginx").starts is Starts.YES
    dies(
        REFUSED,
        'open() "/run/nginx.pid" failed (13: Permission denied)',
        {**files, "/var/cache/nginx/client_temp/": b""},
        "nginx",
        user="1000",
    )


@pytest.mark.parametrize(
    "script",
    [
        "cp /t /etc/nginx/nginx.conf; exec nginx",
        "sed -i s/brotli/gzip/ /etc/nginx/nginx.conf && nginx",
        "envsubst < /t > /etc/nginx/nginx.conf && nginx",
        'cp /t "$(hostname)"; exec nginx',
    ],
)
def test_configuration_changed_by_script_is_no_failure(run, nginx, program, script):
    tools = {f"/usr/bin/{name}": program for name in ("cp", "sed", "envsubst", "hostname")}
    files = _files(nginx, "events {} http { brotli on; }", **tools, **{"/t": b""})
    assert run(files, "sh", "-c", script).starts is not Starts.NO


def test_words_of_configuration_are_read_like_nginx():
    read = [(each.words, each.line) for each in directives('a \'b c\' "d\\"" ${e}{\n}\n# x\nf g\\;h;')]
    assert read == [(("a", "b c", 'd\\"', "${e}"), 1), ((), 2), (("f", "g\\;h"), 4)]
    with pytest.raises(NginxSyntaxError, match='unexpected ";"'):
        list(directives(";"))
