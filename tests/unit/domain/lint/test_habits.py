"""Dockerfiles as people write them: the findings of each, and false alarms."""

from __future__ import annotations

import pytest
from linear_time import assert_linear

from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.domain.dockerfile.edits import apply_edits
from weighbridge.domain.lint.model import LintFinding, LintSettings, Surroundings
from weighbridge.domain.lint.rules import lint_dockerfile, merged_findings

NOT_COUNTED = frozenset({"strip-binaries", "large-base"})


def findings(
    text: str, *, path: str = "Dockerfile", surroundings: Surroundings | None = None
) -> tuple[LintFinding, ...]:
    return merged_findings(
        lint_dockerfile(text, parse_dockerfile(text, path=path), LintSettings(), surroundings=surroundings)
    )


def codes(text: str, **more: object) -> list[tuple[int, str]]:
    return [(one.line, str(one.code)) for one in findings(text, **more) if one.code not in NOT_COUNTED]  # type: ignore[arg-type]


def of(code: str, text: str, **more: object) -> list[LintFinding]:
    return [one for one in findings(text, **more) if one.code == code]  # type: ignore[arg-type]


def safely_fixed(text: str, surroundings: Surroundings | None = None) -> str:
    edits = [edit for one in findings(text, surroundings=surroundings) if one.is_safe for edit in one.edits]
    return apply_edits(text, edits)


# --- safe fixes ---------------------------------------------------------------------------------------------------

LISTS = "RUN apt-get update && apt-get install -y --no-install-recommends less"


@pytest.mark.parametrize(
    "later",
    [
        "FROM base AS dev\nRUN apt-get install -y --no-install-recommends gdb\n",
        "FROM base AS dev\nRUN apt-get build-dep -y less\n",
        "FROM base AS dev\nRUN xargs -a packages.txt apt-get install -y\n",
        'FROM base AS dev\nRUN bash -c "apt-get install -y gdb"\n',
        "FROM base AS dev\nRUN ./install-tools.sh\n",
        "FROM base AS mid\nENV A=1\nFROM mid AS dev\nRUN apt install -y gdb\n",
    ],
)
def test_package_lists_needed_by_sibling_stage_have_no_safe_fix(later: str) -> None:
    text = f'FROM debian:12 AS base\n{LISTS}\n{later}FROM base\nCMD ["less"]\n'
    assert safely_fixed(text) == text


def test_package_lists_fetched_by_other_stage_have_safe_fix() -> None:
    text = (
        f"FROM debian:12 AS base\n{LISTS}\nFROM base AS dev\nRUN apt-get update && apt-get install -y gdb\nFROM base\n"
    )
    assert f"{LISTS} && rm -rf /var/lib/apt/lists/*" in safely_fixed(text)


@pytest.mark.parametrize(
    "setup",
    [
        "curl -fsSL https://deb.nodesource.com/setup_20.x | bash -",
        "curl -fsSL https://deb.nodesource.com/setup_20.x -o s.sh && bash s.sh",
        "curl -s https://packagecloud.io/install/repositories/a/b/script.deb.sh | bash",
        "add-apt-repository -y ppa:a/b",
    ],
)
def test_repository_setup_with_own_update_keeps_safe_fix(setup: str) -> None:
    text = f"FROM debian:12\n{LISTS}\nRUN {setup} && apt-get install -y nodejs && rm -rf /var/lib/apt/lists/*\n"
    (finding,) = of("package-cache", text)
    assert "Make it one RUN" not in finding.fix
    assert finding.edits


@pytest.mark.parametrize(
    ("run", "appended"),
    [
        ("sudo apt-get update && sudo apt-get install -y jq", "&& sudo rm -rf /var/lib/apt/lists/*"),
        ("sudo -E apt-get update", "&& sudo -E rm -rf /var/lib/apt/lists/*"),
        ("sudo npm install -g pnpm", "&& sudo npm cache clean --force"),
        ("npm install -g pnpm", "&& npm cache clean --force"),
    ],
)
def test_cleaning_runs_as_user_of_install(run: str, appended: str) -> None:
    assert f"RUN {run} {appended}\n" in safely_fixed(f'FROM acme/base\nRUN {run}\nCMD ["x"]\n')


@pytest.mark.parametrize(
    "text",
    [
        "COPY package.json yarn.lock .yarnrc.yml ./\nRUN yarn install --immutable",
        "COPY . .\nRUN yarn set version berry && yarn",
        "COPY .yarn .yarn\nRUN yarn install",
        "RUN corepack enable && corepack prepare yarn@4.1.0 --activate && yarn install",
        "COPY . .\nRUN yarn install --frozen-lockfile",  # nothing shows which Yarn it is
    ],
)
def test_yarn_cache_with_possible_yarn_2_has_no_safe_fix(text: str) -> None:
    whole = f'FROM node:20-slim\nENV NODE_ENV=production\n{text}\nCMD ["node", "a.js"]\n'
    assert safely_fixed(whole) == whole


def test_yarn_1_cache_next_to_lock_file_has_safe_fix() -> None:
    beside = Surroundings(names=frozenset({"yarn.lock"}), yarn_lock="# yarn lockfile v1\n", has_ignore_file=True)
    text = 'FROM node:20-slim\nENV NODE_ENV=production\nRUN yarn install\nCMD ["node", "a.js"]\n'
    assert "yarn install && yarn cache clean" in safely_fixed(text, beside)


def test_cache_needed_by_later_offline_install_has_no_safe_fix() -> None:
    text = 'FROM node:20-slim\nRUN npm ci\nRUN npm ci --offline --omit=dev\nCMD ["node", "a.js"]\n'
    assert safely_fixed(text) == text


@pytest.mark.parametrize(
    "run",
    [
        "apk add --no-cache npm && npm ci && apk del npm",
        "apk add --no-cache --virtual .b npm && npm ci && apk del .b",
        "apk add --no-cache yarn && yarn global add x && apk del yarn",
        "cd /tmp/x && npm install -g . && rm -rf /tmp/x",
        "npm ci && npm uninstall -g npm",
        "npm install -g x && apt-get purge -y --auto-remove nodejs && rm -rf /var/lib/apt/lists/*",
        "microdnf install -y x && microdnf remove -y microdnf",
        "dnf install -y x && rpm -e --nodeps dnf",
    ],
)
def test_program_removed_in_same_run_gives_no_finding(run: str) -> None:
    text = f"FROM x\nRUN {run}\n"
    (found,) = of("package-cache", text)
    assert not found.edits


def test_removal_of_other_packages_leaves_patch() -> None:
    text = "FROM x\nRUN npm ci && apt-get purge -y gcc && rm -rf /src\n"
    assert safely_fixed(text).rstrip().endswith("&& npm cache clean --force")


def test_cleaning_after_condition_has_no_safe_fix() -> None:
    text = 'FROM a/b\nRUN if [ -f yarn.lock ]; then yarn; else npm ci; fi\nCMD ["node", "a.js"]\n'
    assert safely_fixed(text) == text


# --- COPY ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "folders",
    [
        "WORKDIR ./src\nCOPY . .\nWORKDIR ./web",
        "WORKDIR /src\nWORKDIR web",
        "WORKDIR /\nWORKDIR src/web",
        "COPY web ./src",
    ],
)
def test_source_below_working_directory_of_stage_gives_no_finding(folders: str) -> None:
    text = f"FROM busybox AS b\n{folders}\nRUN mkdir -p dist\nFROM busybox\nCOPY --from=b ./src/web/dist /www\n"
    assert codes(text) == []


@pytest.mark.parametrize(
    "words",
    ["x y 2>/dev/null || true", "x y || :", "x y && echo ok", "x y > /dev/null", "x y 2>&1", "$(ls) y", "x y ; true"],
)
@pytest.mark.parametrize("name", ["COPY", "ADD", "COPY --from=0"])
def test_shell_operators_in_copy_are_one_error(name: str, words: str) -> None:
    text = f'FROM busybox\nWORKDIR /w\nRUN echo 1 > x\nFROM busybox\n{name} {words}\nCMD ["a"]\n'
    assert codes(text) == [(5, "copy-is-no-shell")]


@pytest.mark.parametrize("words", ['["x", "||"]', "<<EOF /x\nEOF", "x y", "a;b /c", "x*y z"])
def test_copy_without_operators_gives_no_error(words: str) -> None:
    assert of("copy-is-no-shell", f"FROM busybox\nCOPY {words}\n") == []


@pytest.mark.parametrize(
    ("line", "near"),
    [
        ("COPY --chwon=1 a /a", "--chown"),
        ("ADD --form=b a /a", None),
        ("RUN --mounts=type=cache,target=/x true", "--mount"),
        ("HEALTHCHECK --interal=5s CMD true", "--interval"),
        ("COPY --from a /a", "--from=VALUE"),
    ],
)
def test_unknown_flag_of_buildkit_is_error(line: str, near: str | None) -> None:
    (finding,) = of("unknown-flag", f"FROM busybox\n{line}\n")
    assert finding.line == 2
    assert near is None or near in finding.fix


@pytest.mark.parametrize(
    "line",
    [
        "COPY --link --parents --chmod=755 --chown=1 --exclude=x a /a",
        "ADD --keep-git-dir=true --checksum=sha256:0 https://a/b /a",
        "RUN --network=none --security=insecure --mount=type=tmpfs,target=/t true",
        "HEALTHCHECK --start-interval=1s --retries=3 CMD true",
    ],
)
def test_known_flag_of_buildkit_gives_no_error(line: str) -> None:
    assert of("unknown-flag", f"FROM --platform=linux/amd64 busybox\n{line}\n") == []


@pytest.mark.parametrize(
    ("line", "fixed"),
    [
        ("CMD ['echo','hi']", 'CMD ["echo", "hi"]'),
        ("ENTRYPOINT [ '/a', '--b' ]", 'ENTRYPOINT ["/a", "--b"]'),
        ('CMD ["a", "b",]', 'CMD ["a", "b"]'),
        ("CMD [“a”, “b”]", 'CMD ["a", "b"]'),
        ("RUN ['true']", 'RUN ["true"]'),
        ("HEALTHCHECK CMD ['true']", 'HEALTHCHECK CMD ["true"]'),
    ],
)
def test_exec_form_not_json_is_error_with_patch(line: str, fixed: str) -> None:
    text = f"FROM busybox\n{line}\n"
    (finding,) = of("exec-form-not-json", text)
    assert apply_edits(text, finding.edits) == f"FROM busybox\n{fixed}\n"


@pytest.mark.parametrize(
    "line",
    ['CMD ["a"]', "RUN [ -f /a ] && true", 'RUN [ "$A" = "b" ] || exit 1', "RUN [[ $A == 1 ]]", "CMD [ \"$A\" = 'b' ]"],
)
def test_json_and_shell_tests_are_no_error(line: str) -> None:
    assert of("exec-form-not-json", f"FROM busybox\n{line}\n") == []


# --- what an image is for -----------------------------------------------------------------------------------------

NODE = "FROM node:20-alpine\nWORKDIR /app\nCOPY package*.json ./\nRUN npm install\nCOPY . .\n"


@pytest.mark.parametrize(
    "start",
    [
        'CMD ["npx", "next", "dev", "--hostname", "0.0.0.0"]',
        'CMD ["pnpm", "dev", "--filter=admin"]',
        'CMD ["npm", "run", "dev"]',
        "CMD npm run start:dev",
        'CMD ["yarn", "dev"]',
        'CMD ["npm", "test"]',
        'CMD ["sh", "-c", "npm run dev -- --host"]',
        'ENTRYPOINT ["npx"]\nCMD ["vite", "--host"]',
        'CMD ["nodemon", "index.js"]',
        'CMD ["sleep", "infinity"]',
    ],
)
def test_development_server_gets_no_advice_on_dev_packages(start: str) -> None:
    assert codes(f"{NODE}{start}\n") == []


@pytest.mark.parametrize(
    "path",
    [
        "Dockerfile.dev",
        "dev.Dockerfile",
        "Dockerfile-test",
        "web/Dockerfile.development",
        ".devcontainer/Dockerfile",
        "tests/Dockerfile",
        "Dockerfile.ci",
    ],
)
def test_development_dockerfile_gets_no_advice_on_dev_packages(path: str) -> None:
    assert codes(f'{NODE}CMD ["npm", "start"]\n', path=path) == []


@pytest.mark.parametrize(
    "start",
    [
        'CMD ["cargo", "test", "--workspace", "--locked", "--no-default-features"]',
        'ENTRYPOINT ["cargo", "nextest", "run"]',
        "CMD cargo test --all",
        'CMD ["bash"]',
        "",
    ],
)
def test_toolchain_image_gets_no_advice_to_build_elsewhere(start: str) -> None:
    text = f"FROM rust:1.80\nWORKDIR /app\nCOPY . .\nRUN cargo build --locked\n{start}\n"
    assert of("single-stage-build", text) == []


def test_package_json_decides_about_dependencies_of_development() -> None:
    def dev(package_json: str) -> list[LintFinding]:
        beside = Surroundings(names=frozenset({"package.json"}), package_json=package_json, has_ignore_file=True)
        return of("dev-dependencies", f'{NODE}CMD ["npm", "start"]\n', surroundings=beside)

    assert dev('{"scripts": {"start": "node a.js"}, "devDependencies": {"jest": "1"}}')
    assert not dev('{"scripts": {"start": "node a.js"}}')
    assert not dev('{"scripts": {"start": "ts-node a.ts"}, "devDependencies": {"ts-node": "1"}}')
    assert not dev('{"scripts": {"start": "vite"}, "devDependencies": {"vite": "1"}}')
    assert (
        dev('{"scripts": {"start": "node a.js", "prepare": "husky"}, "devDependencies": {"husky": "1"}}')[0].edits == ()
    )


# --- costly habits ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "install",
    [
        "apt-get install -y libzip-dev libpq-dev",
        "apk add --no-cache libzip-dev",
        "dnf install -y openssl-devel && dnf clean all",
        "bash -c 'apt-get install -y libpq-dev'",
        "DEPS='libpq-dev zlib1g-dev' && apt-get install -y $DEPS",
        "sudo apt-get install -y libssl-dev=3.0",
    ],
)
def test_dev_packages_kept_are_found(install: str) -> None:
    assert of("dev-packages", f'FROM php:8.3-fpm\nRUN {install}\nCMD ["php-fpm"]\n')


@pytest.mark.parametrize(
    "install",
    [
        "apk add --no-cache --virtual .build libzip-dev && make && apk del .build",
        "apk add --no-cache -t deps libzip-dev && apk del deps",
        "apt-get install -y libpq-dev && make && apt-get purge -y libpq-dev",
        "apt-get install -y libpq-dev && make && apt-get autoremove -y",
        "D='libpq-dev' && apt-get install -y $D && apt-get purge -y --auto-remove $D",
        "apt-get install -y libpq5",
    ],
)
def test_dev_packages_removed_in_same_run_give_no_finding(install: str) -> None:
    assert of("dev-packages", f'FROM php:8.3-fpm\nRUN {install}\nCMD ["php-fpm"]\n') == []


@pytest.mark.parametrize(
    "run",
    [
        "apt-get install -y build-essential && rm -rf t t.zip",
        "apt-get install -y gcc-12",
        "T='gcc make' && apt-get install -y $T",
        "bash -lc 'apt-get install -y g++'",
        "apk add build-base && rm -rf /tmp/x",
    ],
)
def test_compiler_kept_is_found(run: str) -> None:
    text = f'FROM ubuntu:24.04\nRUN {run}\nRUN pip3 install -r requirements.txt\nCMD ["python3", "app.py"]\n'
    assert of("single-stage-build", text)


@pytest.mark.parametrize(
    "run",
    [
        "pnpm --filter server... build",
        "pnpm -F web build",
        "pnpm -r run build",
        "yarn workspace web build",
        "yarn workspaces foreach run build",
        "npm run build --workspace web",
        "npm run build -w web",
        "npx turbo run build --filter=web",
        "pnpm turbo build",
        "nx build web",
        "lerna run build",
        "bun run build",
    ],
)
def test_workspace_build_in_final_stage_is_found(run: str) -> None:
    assert of("single-stage-build", f'FROM node:22-slim\nCOPY . .\nRUN {run}\nCMD ["node", "dist/main.js"]\n')


@pytest.mark.parametrize(
    ("run", "start"),
    [
        ("go install ./cmd/tool", '["bash"]'),
        ("go mod download", '["bash"]'),
        ("poetry install --only main", '["python", "a.py"]'),
        ("pipenv install --system", '["python", "a.py"]'),
        ("uv sync --frozen", '["python", "a.py"]'),
        ("conda install -y numpy", '["python", "a.py"]'),
        ("composer install --no-dev", '["php-fpm"]'),
        ("bundle install", '["puma"]'),
        ("bun install", '["a"]'),
        ("pnpm install --prod", '["node", "a.js"]'),
        ("pacman -Syu --noconfirm git", '["a"]'),
        ("zypper install -y git", '["a"]'),
        ("pecl install redis", '["php-fpm"]'),
        ("mvn dependency:go-offline", '["bash"]'),
        ("./gradlew dependencies", '["bash"]'),
        ("cargo fetch", '["bash"]'),
    ],
)
def test_cache_of_package_manager_is_found(run: str, start: str) -> None:
    assert of("package-cache", f"FROM acme/base\nRUN {run}\nCMD {start}\n")


@pytest.mark.parametrize(
    "run",
    [
        "npm ci && npm cache clear --force",
        "npm ci && npm cache rm",
        "go build && go clean -cache -modcache",
        "conda install -y a && conda clean -afy",
        "composer install && composer clear-cache",
        "bundle install && rm -rf /usr/local/bundle/cache",
        "pacman -Syu --noconfirm && pacman -Scc --noconfirm",
        "poetry install --no-root && rm -rf $POETRY_CACHE_DIR ~/.cache/pypoetry",
        "pecl install a && rm -rf /tmp/pear",
    ],
)
def test_cache_emptied_in_same_run_gives_no_finding(run: str) -> None:
    assert of("package-cache", f'FROM acme/base\nRUN {run}\nCMD ["a"]\n') == []


def test_removed_files_of_earlier_layer_are_found() -> None:
    text = (
        "FROM debian:12-slim\n"
        "ADD https://example.org/sdk.tar.gz /tmp/\n"
        "RUN tar -xzf /tmp/sdk.tar.gz -C /opt\n"
        "RUN rm /tmp/sdk.tar.gz\n"
        "COPY big.zip /tmp/big.zip\n"
        "RUN apt-get update && apt-get install -y --no-install-recommends unzip && unzip /tmp/big.zip -d /opt"
        " && rm -rf /tmp/big.zip /var/lib/apt/lists/*\n"
        "RUN apt-get purge -y --auto-remove unzip\n"
        'CMD ["/opt/run"]\n'
    )
    assert codes(text) == [(4, "rewritten-files"), (6, "rewritten-files"), (7, "rewritten-files")]


@pytest.mark.parametrize(
    "text",
    [
        "RUN curl -o /tmp/a.zip https://e.org/a.zip\nRUN rm -f /tmp/a.zip",
        "WORKDIR /w\nRUN wget https://e.org/a.zip\nRUN rm a.zip",
        "WORKDIR /w\nCOPY a.deb .\nRUN dpkg -i a.deb\nRUN rm a.deb",
        "RUN git clone --depth 1 https://e.org/a /src/a\nRUN rm -rf /src/a",
        "COPY tests /app/tests\nRUN rm -rf /app/tests",
        "RUN apk add --no-cache --virtual .b gcc\nRUN apk del .b",
        "RUN npm ci\nRUN npm prune --omit=dev",
    ],
)
def test_removal_of_earlier_files_is_found(text: str) -> None:
    assert of("rewritten-files", f'FROM a/b\n{text}\nCMD ["a"]\n')


@pytest.mark.parametrize(
    "text",
    [
        "RUN curl -o /tmp/a.zip https://e.org/a.zip && unzip /tmp/a.zip && rm /tmp/a.zip",
        "COPY . /app\nWORKDIR /app\nRUN npm ci && npm run build && rm -rf node_modules",
        "RUN rm -rf /etc/nginx/conf.d/default.conf",
        "RUN apt-get update\nRUN rm -rf /var/lib/apt/lists/*",
        "RUN apk add --no-cache --virtual .b gcc && make && apk del .b",
        "RUN mkdir /x\nRUN rm -rf /tmp/*",
    ],
)
def test_removal_in_same_run_or_of_other_files_gives_no_finding(text: str) -> None:
    assert of("rewritten-files", f'FROM a/b\n{text}\nCMD ["a"]\n') == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("WORKDIR /app\nRUN npm install\nRUN useradd app && chown -R app /app", 4),
        ("RUN git clone --depth 1 https://e.org/a /srv/a\nRUN chown -R www /srv/a", 3),
        ("ADD https://e.org/tool /usr/bin/tool\nRUN chmod +x /usr/bin/tool", 3),
        ("RUN curl -Lo /usr/bin/tool https://e.org/tool\nRUN chmod 755 /usr/bin/tool", 3),
        ("COPY app.jar /app.jar\nRUN chown app /app.jar", 3),
        ("COPY --from=x /out/server /server\nRUN chmod +x /server", 3),
    ],
)
def test_permission_changes_of_earlier_layers_are_found(text: str, line: int) -> None:
    assert [one.line for one in of("permission-copies", f"FROM a/b\n{text}\n")] == [line]


def test_advice_for_files_of_run_names_the_run() -> None:
    text = "FROM a/b\nWORKDIR /app\nCOPY package.json .\nRUN npm install\nRUN chown -R app /app\n"
    (finding,) = of("permission-copies", text)
    assert "what line 4 made" in finding.message
    assert finding.fix.startswith("Run chown at the end of the RUN of line 4")
    assert finding.edits == ()


@pytest.mark.parametrize(("mode", "octal"), [("+x", "755"), ("a+x", "755"), ("a+rx", "755"), ("0750", "0750")])
def test_chmod_advice_is_octal(mode: str, octal: str) -> None:
    (finding,) = of("permission-copies", f"FROM a/b\nCOPY scripts /opt/scripts\nRUN chmod -R {mode} /opt/scripts\n")
    assert finding.fix == f"Set it where the files are copied: COPY --chmod={octal}"


@pytest.mark.parametrize(
    "text",
    [
        "COPY entrypoint.sh /\nRUN chmod +x /entrypoint.sh",
        "RUN mkdir /data && chown app /data",
        "RUN npm install && chown -R app /app",
    ],
)
def test_permissions_of_small_files_and_in_same_run_are_no_matter(text: str) -> None:
    assert of("permission-copies", f"FROM a/b\nWORKDIR /app\n{text}\n") == []


@pytest.mark.parametrize(
    "text",
    [
        "RUN curl -fsSLo /tmp/s.tar.gz https://e.org/s.tar.gz && tar -xzf /tmp/s.tar.gz -C /opt",
        "RUN wget https://e.org/s.zip && unzip s.zip",
        "RUN curl -LO https://e.org/s.tgz && tar xf s.tgz",
        "ADD https://e.org/s.tar.gz /tmp/\nRUN tar -xzf /tmp/s.tar.gz -C /opt",
        "COPY s.zip /tmp/\nRUN unzip /tmp/s.zip",
        "COPY a.deb /tmp/\nRUN dpkg -i /tmp/a.deb",
    ],
)
def test_archive_never_removed_is_found(text: str) -> None:
    assert of("archive-kept", f'FROM debian:12-slim\n{text}\nCMD ["/opt/run"]\n')


@pytest.mark.parametrize(
    "text",
    [
        "RUN curl -fsSLo /tmp/s.tar.gz https://e.org/s.tar.gz && tar -xzf /tmp/s.tar.gz -C /opt && rm /tmp/s.tar.gz",
        "RUN curl -fsSL https://e.org/s.tar.gz | tar -xz -C /opt",
        "RUN wget https://e.org/s.zip && unzip s.zip && rm *.zip",
        "RUN cd /tmp && curl -LO https://e.org/s.tgz && tar xf s.tgz && rm -rf /tmp/*",
        "ADD s.tar.gz /opt/",
        "RUN --mount=type=bind,source=s.zip,target=/s.zip unzip /s.zip",
    ],
)
def test_archive_removed_or_not_stored_gives_no_finding(text: str) -> None:
    assert of("archive-kept", f'FROM debian:12-slim\n{text}\nCMD ["/opt/run"]\n') == []


@pytest.mark.parametrize(
    ("run", "is_found"),
    [
        ("git clone https://e.org/o/app.git /app", True),
        ("cd /opt && git clone -b v1 https://e.org/o/app", True),
        ("git clone --depth 1 https://e.org/o/app /app", False),
        ("git clone https://e.org/o/app /app && rm -rf /app/.git", False),
        ("git clone https://e.org/o/app && cd app && make install && cd .. && rm -rf app", False),
        ("git clone https://e.org/o/app /tmp/app && cp /tmp/app/x / && rm -rf /tmp/*", False),
    ],
)
def test_git_clone_with_history_is_found(run: str, is_found: bool) -> None:
    assert bool(of("git-history", f'FROM python:3.12-slim\nRUN {run}\nCMD ["a"]\n')) is is_found


@pytest.mark.parametrize(
    ("command", "is_found"),
    [
        ("apt-get install -y --only-upgrade ca-certificates", False),
        ("apt-get install -y ./tool.deb", False),
        ("apt-get install -f -y", False),
        ("apt-get install -y curl", True),
    ],
)
def test_recommended_packages_belong_to_new_packages(command: str, is_found: bool) -> None:
    assert bool(of("recommended-packages", f'FROM debian:12\nRUN {command}\nCMD ["true"]\n')) is is_found


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ('FROM python:3.12\nCOPY a.py /\nCMD ["python", "/a.py"]', True),
        ('FROM node:20-bookworm\nCOPY a.js /\nCMD ["node", "/a.js"]', True),
        ('FROM eclipse-temurin:21-jdk\nCOPY a.jar /\nENTRYPOINT ["java", "-jar", "/a.jar"]', True),
        ('FROM nvidia/cuda:12.2.0-devel-ubuntu22.04\nCOPY a /\nCMD ["/a"]', True),
        ('FROM golang:1.22 AS b\nFROM golang:1.22\nCOPY --from=b /a /a\nCMD ["/a"]', True),
        ('FROM python:3.12-slim\nCMD ["python"]', False),
        ('FROM eclipse-temurin:21-jre\nENTRYPOINT ["java", "-jar", "/a.jar"]', False),
        ('FROM python:3.12\nRUN git clone x && make\nCMD ["python", "/a.py"]', False),
        ('FROM python:3.12 AS test\nCMD ["pytest"]', False),
    ],
)
def test_base_image_larger_than_running_needs_is_found(text: str, is_found: bool) -> None:
    assert bool(of("large-base", text + "\n")) is is_found


@pytest.mark.parametrize(
    ("source", "is_found"),
    [
        (".env", True),
        ("config/.env.production", True),
        ("id_rsa", True),
        ("server.key", True),
        (".env.example", False),
        ("public.pem", False),
        ("app.js", False),
    ],
)
def test_copied_secret_is_found(source: str, is_found: bool) -> None:
    assert bool(of("secret-copied", f"FROM busybox\nCOPY {source} /app/\n")) is is_found


def test_size_is_order_of_magnitude_and_no_measurement() -> None:
    (finding,) = of("package-cache", 'FROM acme/base\nRUN go install ./x\nCMD ["bash"]\n')
    assert finding.about_bytes == 1_000_000_000


# --- ignores ------------------------------------------------------------------------------------------------------


def test_ignore_of_one_stage_leaves_others() -> None:
    run = "RUN apk add x\n"
    text = f"# weighbridge: ignore=package-cache@base it is small\nFROM alpine AS base\n{run}FROM base AS end\n{run}"
    assert [(one.line, one.ignored_because) for one in of("package-cache", text)] == [(3, "it is small"), (5, None)]


@pytest.mark.parametrize(
    ("comment", "said"),
    [
        ("ignore=package-cahce it is small", "ignore=package-cache"),
        ("ignore=package-cache", "Write why"),
        ("ignore=package-cache@nowhere it is small", "Name one of"),
    ],
)
def test_ignore_without_effect_is_finding(comment: str, said: str) -> None:
    (finding,) = of("ignore-comment", f"# weighbridge: {comment}\nFROM alpine AS base\n")
    assert (finding.line, said in finding.fix) == (1, True)


# --- false alarms of public Dockerfiles, and what each of them is near to ------------------------------------------

RUNS = '\nCMD ["/srv/app"]\n'


@pytest.mark.parametrize(
    ("code", "silent", "found"),
    [
        (
            "package-cache",
            'FROM php:8\nRUN export COMPOSER_HOME="$(mktemp -d)"; composer install; rm -rf "$COMPOSER_HOME"' + RUNS,
            "FROM php:8\nRUN composer install; rm -rf /srv/other" + RUNS,
        ),
        (
            "dev-packages",
            "FROM debian:12\nRUN apt-get install -y busybox-static" + RUNS,
            "FROM alpine\nRUN apk add --no-cache zlib-static" + RUNS,
        ),
        (
            "single-stage-build",
            "FROM ubuntu\nRUN curl -o x.tgz https://e.org/x.tgz && javac -version" + RUNS,
            "FROM ubuntu\nRUN javac Main.java" + RUNS,
        ),
        (
            "single-stage-build",
            "FROM nvidia/cuda:12.4.0-runtime-ubuntu22.04\nRUN apt-get install -y gcc\nRUN pip3 --version # vllm" + RUNS,
            "FROM ubuntu\nRUN apt-get install -y gcc" + RUNS,
        ),
        (
            "single-stage-build",
            'FROM debian:12\nRUN apt-get install -y gcc\nENTRYPOINT ["bash", "/src/build_debian.sh"]\n',
            'FROM debian:12\nRUN apt-get install -y gcc\nENTRYPOINT ["bash", "/src/start.sh"]\n',
        ),
        (
            "single-stage-build",
            'FROM debian:12\nRUN apt-get install -y gcc\nENTRYPOINT ["tini", "--"]\n',
            'FROM debian:12\nRUN apt-get install -y gcc\nENTRYPOINT ["tini", "--", "/srv/app"]\n',
        ),
        (
            "rewritten-files",
            "FROM debian:12\nCOPY --from=a /o/tls /o/tls\nRUN rm -rf /o/tls/certs && ln -s /etc/certs /o/tls/certs"
            + RUNS,
            "FROM debian:12\nCOPY --from=a /opt/tls /opt/tls\nRUN rm -rf /opt/tls/certs" + RUNS,
        ),
        (
            "rewritten-files",
            "FROM debian:12\nCOPY --from=a /etc/nginx /etc/nginx\nRUN rm /etc/nginx/sites-enabled/default" + RUNS,
            "FROM debian:12\nCOPY --from=a /etc/nginx /etc/nginx\nRUN rm -rf /etc/nginx" + RUNS,
        ),
        (
            "secret-copied",
            "FROM debian:12\nCOPY test/fixture/certs/server.key /etc/" + RUNS,
            "FROM debian:12\nCOPY certs/server.key /etc/" + RUNS,
        ),
        (
            "dev-dependencies",
            "FROM node\nRUN yarn install; yarn build; yarn workspaces focus --production" + RUNS,
            "FROM node\nRUN yarn install; yarn build" + RUNS,
        ),
        (
            "dev-dependencies",
            "FROM node\nRUN yarn install && yarn build && rm -rf node_modules" + RUNS,
            "FROM node\nRUN yarn install && yarn build && rm -rf src" + RUNS,
        ),
        (
            "large-base",
            'FROM python:3.12\nRUN pip install -r requirements.txt\nCMD ["uwsgi", "--ini", "x.ini"]\n',
            'FROM python:3.12\nRUN pip install -r requirements.txt\nCMD ["gunicorn", "x"]\n',
        ),
        (
            "permission-copies",
            "FROM golang AS b\nFROM debian:12\nCOPY --from=b /app /srv\nRUN chown app /srv" + RUNS,
            "FROM golang AS b\nFROM debian:12\nCOPY --from=b /app /srv/app\nRUN chown app /srv/app" + RUNS,
        ),
        (
            "single-stage-build",
            'FROM debian:12\nRUN apt-get install -y gcc ruby && ./configure\nCMD ["irb"]\n',
            'FROM debian:12\nRUN apt-get install -y gcc ruby && ./configure\nCMD ["ruby", "/srv/app.rb"]\n',
        ),
        (
            "single-stage-build",
            'FROM debian:12\nRUN apt-get install -y gcc && make\nENTRYPOINT ["dockerd-entrypoint.sh"]\n',
            'FROM debian:12\nRUN apt-get install -y gcc && make\nENTRYPOINT ["docker-entrypoint.sh", "/srv/app"]\n',
        ),
        (
            "single-stage-build",
            'FROM debian:12\nRUN apt-get install -y gcc && make\nCMD ["/opt/create_packages.sh"]\n',
            'FROM debian:12\nRUN apt-get install -y gcc && make\nCMD ["/opt/start_packages.sh"]\n',
        ),
        (
            "single-stage-build",
            "FROM debian:12\nRUN apt-get install -y gcc && make\nCMD sleep 1\n",
            "FROM debian:12\nRUN apt-get install -y gcc && make\nCMD sleep 1; /srv/app\n",
        ),
        (
            "single-stage-build",
            'FROM debian:12\nRUN apt-get install -y gcc && make\nCMD ["sh", "-c", "cp /a.tgz /output"]\n',
            'FROM debian:12\nRUN apt-get install -y gcc && make\nCMD ["sh", "-c", "cpx /a.tgz /output"]\n',
        ),
        (
            "dev-packages",
            "FROM fedora\nRUN dnf -y install ruby-devel git && dnf clean all\n",
            "FROM fedora\nRUN dnf -y install ruby-devel git && dnf clean all" + RUNS,
        ),
        (
            "dev-packages",
            "FROM fedora\nRUN dnf -y install java-17-openjdk-devel" + RUNS,
            "FROM fedora\nRUN dnf -y install openssl-devel" + RUNS,
        ),
        (
            "recommended-packages",
            "FROM debian:12\nRUN apt-get install -y ca-certificates tzdata=2024a-0" + RUNS,
            "FROM debian:12\nRUN apt-get install -y ca-certificates git" + RUNS,
        ),
        (
            "secret-copied",
            "FROM debian:12\nCOPY azl3-repomd.xml.key files/selfsigned.key /tmp/" + RUNS,
            "FROM debian:12\nCOPY files/site.key /tmp/" + RUNS,
        ),
        (
            "archive-kept",
            "FROM debian:12\nADD site.tgz /srv/\nRUN tar xzf site.tgz" + RUNS,
            "FROM debian:12\nCOPY site.tgz /srv/\nRUN tar xzf site.tgz" + RUNS,
        ),
        (
            "strip-binaries",
            "FROM golang AS b\nRUN go install -v std\nFROM debian:12\nCOPY --from=b /a /srv/app" + RUNS,
            "FROM golang AS b\nRUN go build -v -o /a\nFROM debian:12\nCOPY --from=b /a /srv/app" + RUNS,
        ),
        (
            "dev-packages",
            'FROM debian:12\nRUN apt-get install -y libapr1-dev\nCMD ["perl", "-w", "run_tests.pl"]\n',
            'FROM debian:12\nRUN apt-get install -y libapr1-dev\nCMD ["perl", "-w", "run.pl"]\n',
        ),
        (
            "copied-libraries-by-hand",
            "FROM a AS b\nFROM scratch\nCOPY --from=b /lib/aarch64-linux-gnu/libc.so.6 /build/libc-aarch64.so" + RUNS,
            "FROM a AS b\nFROM scratch\nCOPY --from=b /lib/aarch64-linux-gnu/libc.so.6 /lib/libc.so.6" + RUNS,
        ),
        (
            "strip-binaries",
            "FROM rust AS b\nRUN cargo build\nFROM debian:12\nCOPY --from=b /a /srv/app" + RUNS,
            "FROM rust AS b\nRUN cargo build --release\nFROM debian:12\nCOPY --from=b /a /srv/app" + RUNS,
        ),
    ],
)
def test_rule_skips_habit_and_finds_similar_problem(code: str, silent: str, found: str) -> None:
    assert not of(code, silent)
    assert of(code, found)


def test_rust_symbols_stripped_by_cargo_toml_give_no_finding() -> None:
    text = "FROM rust AS b\nRUN cargo build --release\nFROM debian:12\nCOPY --from=b /a /srv/app" + RUNS
    (one,) = of("strip-binaries", text, surroundings=Surroundings(cargo_toml="[profile.release]\nlto = true\n"))
    assert apply_edits(text, one.edits).count("cargo build --release --config profile.release.strip=true\n") == 1
    stripped = Surroundings(cargo_toml="[profile.release]\nstrip = true\n")
    assert not of("strip-binaries", text, surroundings=stripped)


@pytest.mark.parametrize(
    "path", ["images/kubekins-e2e-v2/Dockerfile", "build-image/Dockerfile", "docker/Dockerfile.tilt"]
)
def test_image_for_tests_or_builds_keeps_its_compiler(path: str) -> None:
    assert not of("single-stage-build", "FROM debian:12\nRUN apt-get install -y gcc" + RUNS, path=path)


@pytest.mark.parametrize(
    "run",
    [
        "yarn nx run web:build",
        "npx lerna run build",
        "npm run build --workspace web",
        "pnpm -r run build",
    ],
)
def test_workspace_tools_build_in_final_stage(run: str) -> None:
    assert of("single-stage-build", f"FROM node:22-slim\nRUN {run}{RUNS}")


def test_copy_of_subfolder_needs_no_ignore_file() -> None:
    text = "FROM node:22-slim\nCOPY . ." + RUNS
    assert of("copy-without-ignore-file", text, surroundings=Surroundings())
    assert not of("copy-without-ignore-file", text, surroundings=Surroundings(is_below_root=True))


def test_node_image_without_program_gets_no_advice_on_dependencies() -> None:
    text = "FROM node:22-slim\nCOPY package.json .\nRUN npm install\n"
    package = Surroundings(names=frozenset(["package.json"]), package_json='{"devDependencies": {"x": "1"}}')
    assert not of("dev-dependencies", text, surroundings=package)
    assert of("dev-dependencies", text + 'CMD ["node", "x.js"]\n', surroundings=package)


def test_package_json_without_start_script_is_ignored() -> None:
    text = 'FROM node\nCOPY . .\nRUN pnpm install\nRUN pnpm build\nCMD ["pnpm", "start:web"]\n'
    known, other = (
        Surroundings(package_json=f'{{"scripts": {{"{name}": "node ."}}, "devDependencies": {{"x": "1"}}}}')
        for name in ("start:web", "start:docs")
    )
    assert of("dev-dependencies", text, surroundings=known)
    assert not of("dev-dependencies", text, surroundings=other)


def test_long_name_of_a_start_script_is_read_in_linear_time() -> None:
    assert_linear(lambda size: findings("FROM debian:12\nCMD " + "build" + "_a" * size + "!\n"), largest=4_000)


@pytest.mark.parametrize("end", ["exit 0", "exec /bin/true"])
def test_command_that_ends_the_run_gets_nothing_appended(end: str) -> None:
    text = f"FROM debian:12\n{LISTS} && {end}\n"
    assert of("package-cache", text)
    assert safely_fixed(text) == text


def test_yarn_of_today_gets_advice_that_it_understands_and_no_patch() -> None:
    (finding,) = of("dev-dependencies", "FROM node\nCOPY .yarnrc.yml .\nRUN yarn install --immutable" + RUNS)
    assert ("yarn workspaces focus --production" in finding.fix, finding.edits) == (True, ())
