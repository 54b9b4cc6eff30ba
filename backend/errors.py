"""The refusals of the API, by name: each has a status, a stable code, a title and one sentence (RFC 9457).

The docstring of a refusal is its page at /problems/{code}.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from litestar.exceptions import HTTPException
from msgspec import Struct


class FieldError(Struct, frozen=True, omit_defaults=True):
    """One bad field: where (a JSON Pointer into the body, RFC 6901, or the name of a parameter), and why."""

    code: str
    message: str
    pointer: str | None = None
    parameter: str | None = None


class Problem(HTTPException):
    """An answer that refuses. Subclasses name the refusal; an instance adds what belongs to this one request."""

    registry: ClassVar[dict[str, type["Problem"]]] = {}

    status_code: int = 500
    code: ClassVar[str]
    title: ClassVar[str]
    detail: str
    retry_after: int | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        Problem.registry[cls.code] = cls

    def __init__(
        self,
        *,
        errors: Sequence[FieldError] = (),
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail=self.detail, status_code=self.status_code)
        self.errors = errors
        self.headers = dict(headers or {})
        if (seconds := self.retry_after if retry_after is None else retry_after) is not None:
            self.headers["Retry-After"] = str(seconds)

    @property
    def challenge(self) -> str | None:
        """The WWW-Authenticate header, for the refusals that have one (RFC 6750, 3)."""
        return None


class MalformedJson(Problem):
    """The body is not JSON in UTF-8, or is nested too deeply to be read. Nothing was done."""

    status_code, code, title, detail = 400, "malformed_json", "Malformed JSON", "The body is not valid JSON."


class MalformedMsgpack(Problem):
    """The body is not one whole value in MessagePack with its text in UTF-8, or is nested too deeply to be read.
    Nothing was done."""

    status_code, code, title = 400, "malformed_msgpack", "Malformed MessagePack"
    detail = "The body is not valid MessagePack."


class BadRequest(Problem):
    """The request could not be read as HTTP: a header or an address is not what it should be. Nothing was done."""

    status_code, code, title, detail = 400, "bad_request", "Bad request", "The request could not be read."


class InvalidCursor(Problem):
    """The cursor was not made by this list, or was made for another order or filter. Begin again without it."""

    status_code, code, title = 400, "invalid_cursor", "Invalid cursor"
    detail = "The cursor does not belong to this list."


class NotAuthenticated(Problem):
    """The route wants an access token in the header `Authorization: Bearer ...`, and there is none."""

    status_code, code, title = 401, "not_authenticated", "Not authenticated"
    detail = "An access token is needed."

    @property
    def challenge(self) -> str:
        return "Bearer"


class InvalidToken(Problem):
    """The access token has expired, was not issued for this API, or its session or account has ended. Refresh it, or
    log in again."""

    status_code, code, title = 401, "invalid_token", "Invalid token"
    detail = "The access token is not valid, or no longer."

    @property
    def challenge(self) -> str:
        return 'Bearer error="invalid_token"'


class InvalidCredentials(Problem):
    """E-mail address and password do not belong together. The answer is the same whether there is such an account or
    not, and whether it is enabled."""

    status_code, code, title = 401, "invalid_credentials", "Invalid credentials"
    detail = "E-mail address or password is wrong."

    @property
    def challenge(self) -> str:
        return "Bearer"


class InvalidRefreshToken(Problem):
    """The refresh token has been used before, has expired, or its session has ended. Log in again."""

    status_code, code, title = 401, "invalid_refresh_token", "Invalid refresh token"
    detail = "The refresh token is not valid, or no longer."

    @property
    def challenge(self) -> str:
        return "Bearer"


class Forbidden(Problem):
    """The database does not allow this to whoever is asking."""

    status_code, code, title, detail = 403, "forbidden", "Forbidden", "That is not allowed."


class NotAdmin(Problem):
    """Only administrators may do this; whether somebody is one is looked up anew for every request."""

    status_code, code, title, detail = (
        403,
        "not_admin",
        "Not an administrator",
        "Only administrators may do this.",
    )


class SignupClosed(Problem):
    """This service does not take sign-ups; its operator creates the accounts."""

    status_code, code, title, detail = 403, "signup_closed", "Sign-up is closed", "Sign-up is closed."


class NotFound(Problem):
    """There is no such thing, or it belongs to somebody else: the answer is the same."""

    status_code, code, title, detail = 404, "not_found", "Not found", "There is nothing here."


class MethodNotAllowed(Problem):
    """The address exists, but not for this method. The header Allow names those that it has."""

    status_code, code, title = 405, "method_not_allowed", "Method not allowed"
    detail = "The address does not have this method."


class NotAcceptable(Problem):
    """The header Accept leaves out every type that the route can answer with. Nothing was done."""

    status_code, code, title = 406, "not_acceptable", "Not acceptable"
    detail = "The answer cannot be given in an accepted type."


class BodyTimeout(Problem):
    """The body did not arrive in time. Nothing was done; send it again."""

    status_code, code, title = 408, "body_timeout", "Body timed out"
    detail = "The body did not arrive in time."


class Conflict(Problem):
    """The change does not go with what is there."""

    status_code, code, title, detail = 409, "conflict", "Conflict", "That conflicts with what is there."


class EmailTaken(Problem):
    """There is an account with that e-mail address already."""

    status_code, code, title = 409, "email_taken", "E-mail address taken"
    detail = "There is already an account with that address."


class IdempotencyKeyInUse(Problem):
    """A request with the same Idempotency-Key is being worked on. Come back after Retry-After for its answer."""

    status_code, code, title = 409, "idempotency_key_in_use", "Idempotency key in use"
    detail = "A request with this Idempotency-Key is still running."
    retry_after = 1


class LastAdmin(Problem):
    """Nobody would be left who can administer. Make somebody else an administrator first."""

    status_code, code, title = 409, "last_admin", "Last administrator"
    detail = "The last administrator has to stay."


class PreconditionFailed(Problem):
    """What is there is not, or is no more, in a state that If-Match names. Read it again, and decide anew."""

    status_code, code, title = 412, "precondition_failed", "Precondition failed"
    detail = "It has changed since."


class BodyTooLarge(Problem):
    """The body is larger than the route takes, or came in too many tiny pieces. Nothing was done."""

    status_code, code, title = 413, "body_too_large", "Body too large"
    detail = "The body is too large, or came in too many tiny pieces."


class UnsupportedMediaType(Problem):
    """The body's Content-Type is not one that the route reads. Nothing was done."""

    status_code, code, title = 415, "unsupported_media_type", "Unsupported media type"
    detail = "The body is not of a supported type."


class ValidationFailed(Problem):
    """The request can be read but breaks the contract; `errors` names every field and parameter that does."""

    status_code, code, title = 422, "validation_failed", "Validation failed"
    detail = "Some values are not as they should be."


class IdempotencyKeyReused(Problem):
    """The Idempotency-Key belongs to another request: one to the same route, with another body. Nothing was done."""

    status_code, code, title = 422, "idempotency_key_reused", "Idempotency key reused"
    detail = "This Idempotency-Key was used with another body."


class WrongPassword(Problem):
    """The current password is needed for this, and is not the one that was given."""

    status_code, code, title, detail = 422, "wrong_password", "Wrong password", "The password is wrong."


class TooManyAttempts(Problem):
    """There were too many attempts for this account or from this address. Retry-After says when the next is heard."""

    status_code, code, title = 429, "too_many_attempts", "Too many attempts"
    detail = "There were too many attempts."
    retry_after = 1


class InternalError(Problem):
    """The fault is ours. It has been logged whole under the request id that the answer carries."""

    status_code, code, title = 500, "internal_error", "Internal error"
    detail = "Something went wrong on our side."


class Overloaded(Problem):
    """The service has more to do than it can. Nothing was done; come back after Retry-After."""

    status_code, code, title = 503, "overloaded", "Overloaded"
    detail = "The service is busy; try again shortly."
    retry_after = 1


class DatabaseUnavailable(Problem):
    """The database cannot be reached just now. Come back after Retry-After."""

    status_code, code, title = 503, "database_unavailable", "Database unavailable"
    detail = "The service cannot reach its database; try again shortly."
    retry_after = 2


class DeadlineExceeded(Problem):
    """The request took longer than it may. A write may or may not have been done: look before repeating it."""

    status_code, code, title = 504, "deadline_exceeded", "Deadline exceeded"
    detail = "The request took too long."


# The database decides; these only translate. Constraint names first, among them those that functions borrow.
BY_CONSTRAINT: Final[Mapping[str, type[Problem]]] = {
    "users_email_key": EmailTaken,
    "users_last_admin": LastAdmin,
    "not_admin": NotAdmin,
    "user_not_found": NotFound,
    "session_ended": InvalidToken,
    "idempotency_key_in_use": IdempotencyKeyInUse,
    "idempotency_key_reused": IdempotencyKeyReused,
}

# Then the SQLSTATE, whole or by its class (the first two characters). What is in neither table is a fault of ours.
BY_SQLSTATE: Final[Mapping[str, type[Problem]]] = {
    "23505": Conflict,  # unique_violation
    "23503": Conflict,  # foreign_key_violation
    "23514": ValidationFailed,  # check_violation
    "23502": ValidationFailed,  # not_null_violation
    "22": ValidationFailed,  # data_exception
    "42501": Forbidden,  # insufficient_privilege, and a row that breaks WITH CHECK
    "40001": Overloaded,  # serialization_failure, after retries
    "40P01": Overloaded,  # deadlock_detected, after retries
    "55P03": Overloaded,  # lock_not_available
    "57014": DeadlineExceeded,  # query_canceled: the statement's time-out
    "53300": DatabaseUnavailable,  # too_many_connections
    "57P": DatabaseUnavailable,  # the server shuts down, or starts
    "08": DatabaseUnavailable,  # connection_exception
}
