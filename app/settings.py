"""What an operator may set, read once from the environment; a wrong value is one clear sentence at start-up."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from app.engine.postgres.pool import PoolSettings
from app.errors import SetupError

Port = Annotated[int, Meta(ge=1, le=65535)]
Seconds = Annotated[float, Meta(ge=0.001, le=3600)]
IMAGE_SOURCES_WANTED = (
    "origins (https://images.example, https://*.images.example) or schemes (https:), separated by spaces"
)
IMAGE_SOURCE = r"[a-z]+:(//(\*\.)?[a-z0-9.-]+(:[0-9]+)?)?"

NOT_UTF_8 = re.compile("[\\udc80-\\udcff]")
"""Surrogates, which Python decodes bytes to that are not UTF-8."""
FOLDER_SETTINGS = ("catalog_data_dir", "catalog_postgres_bin")
"""Settings whose values may be any bytes."""

PUBLIC_URL = r"^https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*/?$"
PUBLIC_URL_WANTED = "an http or https address, such as https://gw.example/catalog"


def _variable(field: str) -> str:
    """The name of a setting's environment variable, in lower case."""
    return field if field.startswith("database_") else f"catalog_{field}"


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename=_variable):
    database_url: str | None = None
    """DATABASE_URL: a libpq URL or conninfo of the database. Without it the service runs an embedded Postgres."""
    database_replica_url: str | None = None
    """DATABASE_REPLICA_URL: a streaming replica of DATABASE_URL's server, for reads that may be a moment old."""
    database_direct_url: str | None = None
    """DATABASE_DIRECT_URL: the same database without the pooler, for work that needs a session: the background,
    rebuilds, imports and console commands. Without it they use DATABASE_URL."""
    pooler: Literal["session", "transaction"] = "session"
    """CATALOG_POOLER: `transaction` if DATABASE_URL or DATABASE_REPLICA_URL leads through a pooler in that mode
    (PgBouncer's `pool_mode`). Requests then prepare no statements, and DATABASE_DIRECT_URL is required."""
    replica_lag_seconds: Seconds = 10.0
    """CATALOG_REPLICA_LAG_SECONDS: a replica that is further behind is not used; the primary answers instead."""
    host: str = "127.0.0.1"
    """CATALOG_HOST: the address that `serve` listens on; 0.0.0.0 means every address."""
    port: Port = 8001
    """CATALOG_PORT: the TCP port that `serve` listens on."""
    public_url: Annotated[str, Meta(pattern=PUBLIC_URL, description=PUBLIC_URL_WANTED)] | None = None
    """CATALOG_PUBLIC_URL: the address by which clients reach the service, for `Location` and other links. Without it
    links use the address of the request."""
    data_dir: Path = Path(".catalog-data")
    """CATALOG_DATA_DIR: the folder of the embedded Postgres and all its data; relative to the working directory."""
    postgres_bin: Path | None = None
    """CATALOG_POSTGRES_BIN: a folder with initdb and postgres: other binaries for the embedded Postgres."""
    postgres_port: Port | None = None
    """CATALOG_POSTGRES_PORT: the embedded Postgres also listens on this port of 127.0.0.1. Without it there is only a
    socket."""
    env: Literal["development", "production"] = "development"
    """CATALOG_ENV: `production` refuses to start without authentication, with short secrets, or with fsync off."""
    auth: Literal["off", "jwt"] = "off"
    """CATALOG_AUTH: `jwt` requires the platform's bearer tokens; `off` trusts the `user_id` query parameter."""
    jwt_secrets: str = ""
    """CATALOG_JWT_SECRETS: the secrets that sign HS256 tokens, separated by commas, the newest first."""
    jwks_url: str | None = None
    """CATALOG_JWKS_URL: the http or https address of the issuer's public keys (RFC 7517), for RS256, ES256 and
    EdDSA."""
    admin_subjects: str = ""
    """CATALOG_ADMIN_SUBJECTS: the `sub` of each admin, separated by commas. An admin may do everything."""
    admin_token: str | None = None
    """CATALOG_ADMIN_TOKEN: a bearer token that may do everything, for operators' scripts."""
    log: Literal["text", "json"] = "text"
    """CATALOG_LOG: `text` for people; `json` for machines: one object per line, and one line per request."""
    projector: Literal["embedded", "off"] = "embedded"
    """CATALOG_PROJECTOR: `embedded`: this service may lead the background work. `off`: `catalog project` does that
    work."""
    import_limit_mib: Annotated[int, Meta(ge=1, le=65536)] = 256
    """CATALOG_IMPORT_LIMIT_MIB: the largest import. The service keeps it in a temporary file (TMPDIR) until it is
    stored."""
    page_images: Annotated[
        str, Meta(pattern=rf"^({IMAGE_SOURCE}( {IMAGE_SOURCE})*)?$", description=IMAGE_SOURCES_WANTED)
    ] = ""
    """CATALOG_PAGE_IMAGES: the sources from which the page may load images of items, besides its own."""
    pool_size: Annotated[int, Meta(ge=1, le=1000)] = 4
    """CATALOG_POOL_SIZE: the most connections of this process for requests. Expensive reads hold at most half of
    them, commands all but one. Production shares 25 among five services."""
    pool_timeout_seconds: Seconds = 5.0
    """CATALOG_POOL_TIMEOUT_SECONDS: how long a request waits for a connection before it is answered 503."""
    statement_timeout_seconds: Seconds = 8.0
    """CATALOG_STATEMENT_TIMEOUT_SECONDS: the longest that a statement of a request may run; clients give up after 10
    s."""
    lock_timeout_seconds: Seconds = 4.0
    """CATALOG_LOCK_TIMEOUT_SECONDS: how long a command waits for another one on the same item before it is answered
    503."""

    @property
    def pool(self) -> PoolSettings:
        return PoolSettings(
            size=self.pool_size,
            timeout_seconds=self.pool_timeout_seconds,
            statement_timeout_seconds=self.statement_timeout_seconds,
            lock_timeout_seconds=self.lock_timeout_seconds,
            pooler=self.pooler,
        )

    @property
    def signing_secrets(self) -> tuple[str, ...]:
        return _split_at_commas(self.jwt_secrets)

    @property
    def admin_ids(self) -> tuple[str, ...]:
        return _split_at_commas(self.admin_subjects)


def _split_at_commas(text: str) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, text.split(","))))


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings in `environment`. Raises SetupError naming the variable that cannot be understood."""
    known = {field.encode_name.upper(): field.encode_name for field in msgspec.structs.fields(Settings)}
    given = {name: environment[variable] for variable, name in known.items() if environment.get(variable)}
    for name, value in given.items():
        if NOT_UTF_8.search(value) and name not in FOLDER_SETTINGS:
            raise SetupError(f"{name.upper()}={value!r} cannot be used: it is not in UTF-8")
    try:
        return msgspec.convert(given, Settings, strict=False, dec_hook=lambda kind, value: kind(value))
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at `$.")
        name = where.rstrip("`")
        variable, wanted = name.upper(), _describe_allowed(name)
        raise SetupError(
            f"{variable}={environment[variable]!r} cannot be used: {wanted or f'{reason[0].lower()}{reason[1:]}'}"
        ) from None


def _describe_allowed(name: str) -> str:
    """What a setting may be, if that says more than the error does."""
    kind = next(field.type for field in msgspec.structs.fields(Settings) if field.encode_name == name)
    if get_origin(kind) is Literal:
        return f"it is one of {', '.join(get_args(kind))}"
    parts = [inner for outer in (kind, *get_args(kind)) for inner in get_args(outer)]
    metas = [part for part in parts if isinstance(part, Meta)]
    return "".join(f"it is {meta.description}" for meta in metas if meta.description)
