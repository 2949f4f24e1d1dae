"""Logging in to CVAT for `gcvos cvat`, by the means of cvat-cli: a password or a token is never an argument."""

import logging
from dataclasses import dataclass

import urllib3.exceptions
from cvat_sdk import Client
from cvat_sdk.api_client import exceptions
from cvat_sdk.core.auth import ClientAuthParameters, get_auth_factory, make_client_from_cli
from cvat_sdk.core.exceptions import CvatSdkException

from gcvos_model.cli.cvat_target import ServerError, describe
from gcvos_model.errors import InputError


@dataclass(frozen=True)
class Connection:
    """Where the server is, and who asks; all of it may be left to cvat-cli's saved profile."""

    server_host: str | None = None
    server_port: int | None = None
    user: str | None = None
    organization: str | None = None
    profile: str | None = None
    insecure: bool = False

    def open(self) -> Client:
        """Log in.

        The credentials are, in this order: the profile asked for (`cvat-cli profile`), the user's password
        from the environment variable PASS or typed in, the access token in CVAT_ACCESS_TOKEN, the default
        profile.

        Raises:
            InputError: The log-in is refused, or what was given contradicts itself.
            ServerError: The server does not answer.
        """
        if self.user and ":" in self.user:
            raise InputError("give the user's name alone; the password is read from PASS, or asked for")
        parameters = ClientAuthParameters(
            profile=self.profile,
            auth=get_auth_factory(self.user) if self.user else None,
            server_host=self.server_host,
            server_port=self.server_port,
            insecure=self.insecure,
            organization=self.organization,
        )
        try:
            return make_client_from_cli(parameters, logger=logging.getLogger("gcvos.cvat"))
        except CvatSdkException as error:
            raise InputError(f"cannot log in: {error}") from None
        except (exceptions.UnauthorizedException, exceptions.ForbiddenException) as error:
            raise InputError(f"the server refuses the log-in: {describe(error)}") from None
        except (urllib3.exceptions.HTTPError, exceptions.ApiException, OSError) as error:
            raise ServerError(f"the server does not answer: {describe(error)}") from None
