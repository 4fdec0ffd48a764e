from tests.deploy.deployed import DEPLOY, lint

RULES = """
extends: default
rules:
  line-length: {max: 120}
  document-start: disable
  comments: {min-spaces-from-content: 1}
"""


def test_yamllint_is_content_with_every_file() -> None:
    files = [*DEPLOY.rglob("*.yaml")]
    assert len(files) >= 8
    lint("yamllint", "--strict", "--config-data", RULES, *files)
