"""`sdme raters`: pseudonyms for people, and their accounts."""

from pathlib import Path

import click

from sdme_tools.cli.arguments import as_json, corpus_dir


@click.group("raters")
def raters() -> None:
    """Give raters pseudonyms and accounts; their addresses never enter the corpus.

    \b
    sdme raters add study ada@example.org bo@example.org     pseudonyms for `sdme round create --raters`
    sdme raters invite study                                 the link by which they make their accounts
    sdme raters list study                                   who has one, by pseudonym
    """


_url = click.option("--url", help="Another server than the corpus' own; its token in SDME_LABEL_STUDIO_TOKEN.")


@raters.command("add")
@corpus_dir
@click.argument("emails", metavar="EMAIL...", nargs=-1, required=True)
def add(directory: Path, emails: tuple[str, ...]) -> None:
    """Print the pseudonyms of these people, separated by commas; the same address always gives the same.

    They are keyed hashes. The key lies in a file that only you can read, outside the corpus: keep a copy, for without
    it the answers of their accounts cannot be told from those of strangers.

    \b
    Example:
      sdme raters add study ada@example.org bo@example.org
    """
    from sdme_tools.annotation.raters import make_pseudonym, read_key
    from sdme_tools.corpus.corpus import Corpus

    key = read_key(Corpus.open(directory).root, make=True)
    click.echo(",".join(make_pseudonym(key, email) for email in emails))


@raters.command("invite")
@corpus_dir
@_url
def invite(directory: Path, url: str | None) -> None:
    """Print the link by which raters make their accounts; they must use the addresses that were added.

    \b
    Example:
      sdme raters invite study
    """
    from sdme_tools.annotation.label_studio import Studio
    from sdme_tools.annotation.label_studio_connection import find_connection
    from sdme_tools.corpus.corpus import Corpus

    click.echo(Studio(find_connection(Corpus.open(directory).root, url)).invitation())
    click.echo("everybody with this link can make an account: send it to raters alone", err=True)


@raters.command("list")
@corpus_dir
@_url
@as_json
def list_(directory: Path, url: str | None, as_json: bool) -> None:
    """List the raters of all rounds, and whether the server knows an account of theirs.

    \b
    Example:
      sdme raters list study
    """
    from sdme_tools.annotation.delivery import list_raters
    from sdme_tools.annotation.label_studio import Studio
    from sdme_tools.annotation.label_studio_connection import find_connection
    from sdme_tools.annotation.raters import rater_names
    from sdme_tools.cli.console import data_console, make_table, print_json
    from sdme_tools.corpus.corpus import Corpus

    corpus = Corpus.open(directory)
    found = list_raters(corpus, Studio(find_connection(corpus.root, url)), rater_names(corpus.root))
    if as_json:
        print_json(found)
        return
    rows = [(r.rater_id, ", ".join(r.rounds), "yes" if r.has_account else "no") for r in found]
    data_console().print(make_table(None, ("rater", "rounds", "account"), rows))
