"""Facts about published images that a Dockerfile alone does not show. Data, not code; each was read off its Dockerfile.

A name here is the name on Docker Hub without registry, ``library/``, tag and digest.
"""

from __future__ import annotations

from weighbridge.domain.late_pattern import late_pattern

WORKING_DIRECTORIES = {
    "composer": "/app",
    "golang": "/go",
    "gradle": "/home/gradle",
    "tomcat": "/usr/local/tomcat",
    **dict.fromkeys(
        ["alpine", "almalinux", "amazoncorretto", "buildpack-deps", "busybox", "debian", "eclipse-temurin", "fedora"],
        "/",
    ),
    **dict.fromkeys(["gcc", "maven", "node", "python", "rockylinux", "rust", "ubuntu"], "/"),
}
"""Where official images work before a ``WORKDIR`` of one's own. What is not here is unknown."""

TOOLCHAINS = frozenset(
    ["buildpack-deps", "clojure", "dart", "gcc", "golang", "gradle", "haskell", "maven", "mono", "rust", "sbt", "swift"]
)
"""Official images for compiling. Programs do not need them at run time."""

TOOLCHAIN_PREFIXES = ("mcr.microsoft.com/dotnet/sdk",)

_OFFICIAL = """
adminer aerospike almalinux alpine alt amazoncorretto amazonlinux api-firewall arangodb archlinux backdrop bash bonita
buildpack-deps busybox caddy cassandra centos chronograf cirros clearlinux clefos clojure composer convertigo couchbase
couchdb crate dart debian docker drupal eclipse-mosquitto eclipse-temurin eggdrop elasticsearch elixir emqx erlang
fedora flink fluentd friendica gazebo gcc geonetwork ghost golang gradle groovy haproxy haskell haxe hello-world hitch
httpd hylang ibm-semeru-runtimes ibmjava influxdb irssi jetty joomla jruby julia kapacitor kibana kong lightstreamer
liquibase logstash mageia mariadb matomo maven mediawiki memcached mongo mongo-express monica mono mysql nats neo4j
neurodebian nextcloud nginx node odoo open-liberty openjdk oraclelinux orientdb percona perl photon php phpmyadmin plone
postfixadmin postgres pypy python r-base rabbitmq rakudo-star redis redmine registry rethinkdb rocket.chat rockylinux
ros ruby rust sapmachine satosa silverpeas sl solr sonarqube spark spiped storm swift swipl teamspeak telegraf tomcat
tomee traefik ubuntu unit varnish websphere-liberty wordpress xwiki yourls znc zookeeper
"""
_OFFICIAL_IMAGES = frozenset(_OFFICIAL.split())
"""The official images of Docker Hub (github.com/docker-library/official-images). A name without a slash that is not
here is more probably an image that an earlier step has built."""

_WITHOUT_ONBUILD = (
    "public.ecr.aws/lambda/",
    "gcr.io/distroless/",
    "mcr.microsoft.com/",
    "cgr.dev/chainguard/",
    "registry.access.redhat.com/",
)

_SHELL_LESS = late_pattern(
    r"gcr\.io/distroless/(?:static|base|base-nossl|cc)(?:-debian[0-9]+)?(?P<tag>:[^@]*)?(?:@.*)?"
)
_HUB = late_pattern(
    r"(?:(?:docker\.io|index\.docker\.io|registry-1\.docker\.io|public\.ecr\.aws/docker|mirror\.gcr\.io)/)?"
    r"(?:library/|(?:amd64|arm32v[5-7]|arm64v8|i386|loong64|mips64le|ppc64le|riscv64|s390x|windows-amd64)/(?=[^/]+$))?"
)
"""Docker Hub with the official images by their own names and, per architecture, in namespaces (docs.docker.com)."""


def repository(reference: str) -> str:
    """An image reference without tag and digest."""
    name = reference.partition("@")[0]
    head, slash, tail = name.rpartition("/")
    return head + slash + tail.partition(":")[0]


def official_name(reference: str) -> str | None:
    """The name of an official image, ``None`` for others. On Docker Hub, a name without a slash is an official one."""
    name = _HUB.sub("", repository(reference), count=1)
    return name if name and "/" not in name else None


def may_have_onbuild(reference: str) -> bool:
    """True for an image that may have ``ONBUILD`` instructions: all but those of publishers that never use them.

    A name without a slash may be an image that an earlier step built, unless it is the name of an official image.
    """
    return official_name(reference) not in _OFFICIAL_IMAGES and not reference.startswith(_WITHOUT_ONBUILD)


def is_toolchain(reference: str) -> bool:
    """True for an image that is there to build with."""
    return official_name(reference) in TOOLCHAINS or reference.startswith(TOOLCHAIN_PREFIXES)


def is_shell_less(reference: str) -> bool:
    """True for the distroless images that have no shell; those tagged ``debug`` have one."""
    match = _SHELL_LESS.fullmatch(reference)
    return match is not None and "debug" not in (match["tag"] or "")
