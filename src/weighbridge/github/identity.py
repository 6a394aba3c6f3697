"""Who we are to GitHub: whose comments are ours to edit and to delete."""

from __future__ import annotations

from github import Github

from weighbridge.github.client import Calls, GitHubError

ACTIONS_BOT = "github-actions[bot]"
"""Whom the workflow's own GITHUB_TOKEN acts as, on github.com and on GitHub Enterprise Server."""


def own_login(client: Github, calls: Calls) -> str:
    """The login that this token's comments carry in the REST API.

    ``GET /user`` answers 403 to GITHUB_TOKEN and to every app's installation token, while GraphQL's ``viewer`` answers
    all kinds of token (an app's with ``NAME[bot]``), so that is asked first. When nobody answers, `ACTIONS_BOT`: it is
    right for GITHUB_TOKEN, and for another token it finds no comment that is not ours.
    """
    try:
        login = calls.run("ask who the token acts as", lambda: _viewer_login(client))
    except GitHubError:
        try:
            login = calls.run("ask who the token acts as", lambda: client.get_user().login)
        except GitHubError:
            return ACTIONS_BOT
    return ACTIONS_BOT if login == ACTIONS_BOT.removesuffix("[bot]") else login


def _viewer_login(client: Github) -> str:
    _, answer = client.requester.graphql_query("query { viewer { login } }", {})
    login = answer["data"]["viewer"]["login"]
    if not isinstance(login, str) or not login:
        raise TypeError("viewer.login is not a name")
    return login
