"""Words every refusal as Business Central does; README.md says on what evidence."""

from uuid import UUID

from devstack.business_central.assumptions import Assumption


class BusinessCentralError(Exception):
    """Refuses a request: HTTP status, BC's code and message (without correlation id), and the assumption behind it."""

    def __init__(self, status: int, code: str, message: str, assumed: Assumption | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.assumed = status, code, message, assumed


def credentials_rejected() -> BusinessCentralError:
    """Refuses a missing or invalid bearer token; BC does not say why."""
    message = "The server has rejected the client credentials."
    return BusinessCentralError(401, "Authentication_InvalidCredentials", message)


def company_not_found(company_id: UUID) -> BusinessCentralError:
    """Refuses a company that the environment does not have."""
    message = f"Cannot find the company '{company_id}'."
    return BusinessCentralError(404, "Internal_CompanyNotFound", message, Assumption.COMPANY_MESSAGE)


def environment_not_found() -> BusinessCentralError:
    """Refuses an environment that the tenant does not have."""
    return BusinessCentralError(404, "NoEnvironment", "Environment does not exist.", Assumption.ENVIRONMENT)


def permission_denied(permission: str, status: int) -> BusinessCentralError:
    """Refuses what the user's permission sets in BC do not allow."""
    message = f"Sorry, the current permissions prevented the action. (TableData 27 Item {permission}: Base Application)"
    return BusinessCentralError(status, "Internal_ServerError", message, Assumption.PERMISSION_STATUS)


def too_many_requests() -> BusinessCentralError:
    """Refuses a user who asks for too much, at once or within five minutes."""
    message = "Too many requests. Please try again later."
    return BusinessCentralError(429, "Application_TooManyRequests", message, Assumption.THROTTLED)


def queued_too_long() -> BusinessCentralError:
    """Ends a request that never got its turn."""
    message = "The service is temporarily unavailable. The request has waited too long."
    return BusinessCentralError(503, "Internal_TenantUnavailable", message, Assumption.TIMED_OUT)


def took_too_long(status: int) -> BusinessCentralError:
    """Reports that BC ended the operation (408), or that the gateway in front of it stopped waiting (504)."""
    code, subject = ("RequestTimeout", "operation") if status == 408 else ("GatewayTimeout", "request")  # noqa: PLR2004 - HTTP's
    return BusinessCentralError(status, code, f"The {subject} has timed out.", Assumption.TIMED_OUT)


def item_not_found(item_id: UUID) -> BusinessCentralError:
    """Refuses an item that the company does not have."""
    message = f"Resource not found for the segment 'items({item_id})'."
    return BusinessCentralError(404, "BadRequest_ResourceNotFound", message, Assumption.UNKNOWN_ITEM)


def picture_not_found(picture_id: UUID) -> BusinessCentralError:
    """Refuses a picture id other than the item's: its only picture has the item's id."""
    message = f"Resource not found for the segment 'picture({picture_id})'."
    return BusinessCentralError(404, "BadRequest_ResourceNotFound", message, Assumption.FOREIGN_PICTURE)


def segment_not_found(path: str) -> BusinessCentralError:
    """Refuses a path that leads to no resource of the API."""
    message = f"Resource not found for the segment '{path.rpartition('/')[2]}'."
    return BusinessCentralError(404, "BadRequest_NotFound", message)


def malformed_query() -> BusinessCentralError:
    """Refuses query options that cannot be parsed."""
    return BusinessCentralError(404, "BadRequest_NotFound", "Bad Request - Error in query syntax.")


def bad_request(message: str) -> BusinessCentralError:
    """Refuses a request that can be parsed but makes no sense."""
    return BusinessCentralError(400, "BadRequest", message)


def unsupported_option(option: str) -> BusinessCentralError:
    """Refuses an option that the simulator does not support, even if BC does."""
    message = f"The simulator does not support the query option '{option}'."
    return BusinessCentralError(400, "BadRequest", message, Assumption.UNSUPPORTED)


def filter_too_long(literal: str, caption: str, limit: int) -> BusinessCentralError:
    """Refuses a literal that is longer than the field it is compared with."""
    message = (
        f"The filter \"='{literal}'\" is not valid for the {caption} field on the Item table. The length of the string "
        f"is {len(literal)}, but it must be less than or equal to {limit} characters. Value: {literal}"
    )
    return BusinessCentralError(400, "Application_FilterErrorException", message)


def concurrency_token_missing() -> BusinessCentralError:
    """Refuses a write without If-Match."""
    message = (
        "Could not validate the client concurrency token required by the service. "
        "Please provide a valid token in the client request."
    )
    return BusinessCentralError(400, "BadRequest_InvalidToken", message)


def entity_changed() -> BusinessCentralError:
    """Refuses a write whose If-Match is not the current ETag."""
    return BusinessCentralError(409, "Request_EntityChanged", "Another user has already changed the record.")


def control_read_only(name: str) -> BusinessCentralError:
    """Refuses to change a picture's properties: BC computes all of them from the content."""
    return BusinessCentralError(400, "BadRequest_InvalidOperation", f"Control '{name}' is read-only.")


def insert_not_supported() -> BusinessCentralError:
    """Refuses to create a picture: every item has one already."""
    return BusinessCentralError(405, "BadRequest_MethodNotAllowed", "Entity does not support insert.")


def method_not_allowed(method: str, assumed: Assumption | None = None) -> BusinessCentralError:
    """Refuses a method that the resource does not support."""
    message = f"'{method}' requests are not allowed within Microsoft Dynamics NAV OData web services."
    return BusinessCentralError(405, "BadRequest_MethodNotAllowed", message, assumed)


def parent_missing() -> BusinessCentralError:
    """Refuses pictures without the entity that they belong to."""
    message = "You must get to the parent first to get to the picture."
    return BusinessCentralError(400, "Application_DialogException", message)


def not_a_picture() -> BusinessCentralError:
    """Refuses bytes in no format that BC's image module knows (the real BC's answer is unknown)."""
    message = "The content is not a picture."
    return BusinessCentralError(400, "Application_DialogException", message, Assumption.NOT_A_PICTURE)


def too_large() -> BusinessCentralError:
    """Refuses a body over BC's limit (the status is documented, the envelope is not)."""
    message = "The request is too large."
    return BusinessCentralError(413, "RequestEntityTooLarge", message, Assumption.TOO_LARGE)
