"""A process of its own whose PostgreSQL is stopped under it; prints what answers, as JSON."""

from __future__ import annotations

import asyncio
import json
import os

from tests import servers


async def config_in_use() -> str:
    from llmconfigs.active import active_backend

    async with active_backend() as lease:
        return lease.active.config_name


def main() -> None:
    with asyncio.Runner() as runner:
        with servers.running_postgres() as url:
            os.environ.update(servers.isolated_environment(url))
            prepare_database()
            before = runner.run(config_in_use())
        after = runner.run(config_in_use())
        from llmconfigs.active import close_backends

        runner.run(close_backends())
    print(json.dumps({"before": before, "after": after}))  # noqa: T201


def prepare_database() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from llmconfigs.models import LLMConfig

    LLMConfig.objects.create(name="mine", provider="ollama", is_active=True)


if __name__ == "__main__":
    main()
