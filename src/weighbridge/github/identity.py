"""Finds the login of the token: only its comments may be edited and deleted."""

from __future__ import annotations

from github import Github

from weighbridge.github.client import Calls, GitHubError

ACTIONS_BOT = "github-actions[bot]"
"""The login of the workflow's own GITHUB_TOKEN, on github.com and on GitHub Enterprise Server."""


def own_login(client: Github, calls: Calls) -> str:
    """The login of this token's comments in the REST API.

    ``GET /user`` answers 403 to GITHUB_TOKEN and to every app's installation token. GraphQL's ``viewer`` answers every
    kind of token (an app's with ``NAME[bot]``), so it comes first. If both fail, returns `ACTIONS_BOT`: it is right
    for GITHUB_TOKEN, and for another token it matches no foreign comment.
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
        raise TypeError("viewer.login is not a text")
    return login
