"""`glassnet humans withdraw`, `verify`, `backup`: people's answers are kept, or erased, whole."""

import click

from glassnet.cli.console import Answer, Unfinished, answers, say
from glassnet.cli.humans.common import opened, places
from glassnet.errors import NotFound


@click.command()
@click.argument("bench")
@click.argument("person")
@click.confirmation_option("--yes", prompt="The answers are erased for good. Withdraw?")
@places
@answers
def withdraw(bench: str, person: str, database: str | None, data: str | None) -> Answer:
    """Erase one person's answers.

    Destroys the key to their content. The chain still verifies, and the report counts it.

    \b
    Example:
      glassnet humans withdraw pets P3 --yes
    """
    with opened(database, data) as benches:
        sessions = {one.person: one for one in benches.get(bench).sessions()}
        if person not in sessions:
            raise NotFound(
                f"{bench} has no person {person}; it has {', '.join(sessions) or 'none'}"
            )
        sessions[person].withdraw()
    say(f"the answers of {person} are erased")
    return {"bench": bench, "person": person, "withdrawn": True}


@click.command()
@click.argument("bench")
@places
@answers
def verify(bench: str, database: str | None, data: str | None) -> Answer:
    """Check that no stored answer was changed.

    Recomputes the chain of hashes of every session.

    \b
    Example:
      glassnet humans verify pets
    """
    with opened(database, data) as benches:
        wrong = benches.get(bench).verify()
    if wrong:
        raise Unfinished("\n".join(wrong), {"bench": bench, "holds": False, "problems": wrong})
    say(f"{bench}: every chain holds")
    return {"bench": bench, "holds": True, "problems": []}


@click.command()
@places
@answers
def backup(database: str | None, data: str | None) -> Answer:
    """Copy the database while it is in use.

    The copy lies in the folder of backups (of PostgreSQL, in a schema of its own), where a
    withdrawal reaches it.

    \b
    Example:
      glassnet humans backup
    """
    from glassnet.humans.migrate import back_up

    with opened(database, data) as benches:
        made = benches.store.write(lambda connection: back_up(connection, benches.data, "by_hand"))
    say(f"backup: {made}")
    return {"backup": made}
