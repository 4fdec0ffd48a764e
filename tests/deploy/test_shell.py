from tests.deploy.deployed import DEPLOY, ROOT, lint


def test_shellcheck_is_content_with_every_script() -> None:
    scripts = [*DEPLOY.rglob("*.sh"), ROOT / ".ci" / "run"]
    assert len(scripts) >= 5
    lint("shellcheck", *scripts)
