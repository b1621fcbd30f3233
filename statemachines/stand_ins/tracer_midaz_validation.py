"""Tracer, Midaz and the login that Midaz trusts, for the example in `statemachines/tracer-midaz-validation`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from statemachines.stand_ins.http_service import service
from statemachines.stand_ins.midaz import CLIENT, Midaz
from statemachines.stand_ins.oidc import OidcServer, running_oidc_server
from statemachines.stand_ins.tracer import Tracer


@dataclass
class Services:
    """Change and look at what they hold while they run. `replacements` is what `serving` yields."""

    login: OidcServer
    midaz: Midaz
    tracer: Tracer
    replacements: Mapping[str, str]


@contextmanager
def running() -> Iterator[Services]:
    """All three, for as long as the block runs."""
    with running_oidc_server() as login:
        login.client = CLIENT
        login.discovery = {"issuer": login.url, "token_endpoint": login.token_url}
        midaz, tracer = Midaz(login), Tracer()
        with service(midaz.answer) as midaz_url, service(tracer.answer) as tracer_url:
            hosts = {"tracer": tracer_url, "midaz": midaz_url, "login": login.url}
            replacements = {f"https://{name}.example.net": url for name, url in hosts.items()}
            yield Services(login, midaz, tracer, replacements)


@contextmanager
def serving() -> Iterator[Mapping[str, str]]:
    """What to replace in the provider configurations, and by what."""
    with running() as services:
        yield services.replacements
