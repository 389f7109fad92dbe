"""What Business Central refuses, and in which words. README.md says on what evidence."""

from uuid import UUID

from devstack.business_central.assumptions import Assumption


class BusinessCentralError(Exception):
    """One refusal: the HTTP status, BC's error code, its message without the correlation id, and what is assumed in it."""

    def __init__(self, status: int, code: str, message: str, assumed: Assumption | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.assumed = status, code, message, assumed


def credentials_rejected() -> BusinessCentralError:
    """No bearer token, or one that BC does not accept: BC says no more than this."""
    message = "The server has rejected the client credentials."
    return BusinessCentralError(401, "Authentication_InvalidCredentials", message)


def company_not_found(company_id: UUID) -> BusinessCentralError:
    """The environment has no such company."""
    message = f"Cannot find the company '{company_id}'."
    return BusinessCentralError(404, "Internal_CompanyNotFound", message, Assumption.COMPANY_MESSAGE)


def environment_not_found() -> BusinessCentralError:
    """The tenant has no such environment."""
    return BusinessCentralError(404, "NoEnvironment", "Environment does not exist.", Assumption.ENVIRONMENT)


def permission_denied(permission: str, status: int) -> BusinessCentralError:
    """The user's permission sets in BC do not allow it."""
    message = f"Sorry, the current permissions prevented the action. (TableData 27 Item {permission}: Base Application)"
    return BusinessCentralError(status, "Internal_ServerError", message, Assumption.PERMISSION_STATUS)


def too_many_requests() -> BusinessCentralError:
    """The user has asked for too much, at once or within five minutes."""
    message = "Too many requests. Please try again later."
    return BusinessCentralError(429, "Application_TooManyRequests", message, Assumption.THROTTLED)


def queued_too_long() -> BusinessCentralError:
    """The request never got its turn."""
    message = "The service is temporarily unavailable. The request has waited too long."
    return BusinessCentralError(503, "Internal_TenantUnavailable", message, Assumption.TIMED_OUT)


def took_too_long(status: int) -> BusinessCentralError:
    """BC has ended the operation (408), or the gateway in front of it waits no longer (504)."""
    code, what = ("RequestTimeout", "operation") if status == 408 else ("GatewayTimeout", "request")  # noqa: PLR2004 - HTTP's
    return BusinessCentralError(status, code, f"The {what} has timed out.", Assumption.TIMED_OUT)


def item_not_found(item_id: UUID) -> BusinessCentralError:
    """The company has no such item."""
    message = f"Resource not found for the segment 'items({item_id})'."
    return BusinessCentralError(404, "BadRequest_ResourceNotFound", message, Assumption.UNKNOWN_ITEM)


def picture_not_found(picture_id: UUID) -> BusinessCentralError:
    """The item has no picture with this id; its only one has the item's."""
    message = f"Resource not found for the segment 'picture({picture_id})'."
    return BusinessCentralError(404, "BadRequest_ResourceNotFound", message, Assumption.FOREIGN_PICTURE)


def segment_not_found(path: str) -> BusinessCentralError:
    """No resource of the API has this path."""
    message = f"Resource not found for the segment '{path.rpartition('/')[2]}'."
    return BusinessCentralError(404, "BadRequest_NotFound", message)


def query_syntax() -> BusinessCentralError:
    """The query options cannot be parsed."""
    return BusinessCentralError(404, "BadRequest_NotFound", "Bad Request - Error in query syntax.")


def bad_request(message: str) -> BusinessCentralError:
    """The request can be parsed and makes no sense."""
    return BusinessCentralError(400, "BadRequest", message)


def unsupported(option: str) -> BusinessCentralError:
    """What the simulator does not know it refuses, also where BC would not."""
    message = f"The simulator does not know the query option '{option}'."
    return BusinessCentralError(400, "BadRequest", message, Assumption.UNSUPPORTED)


def filter_too_long(literal: str, caption: str, limit: int) -> BusinessCentralError:
    """The literal does not fit into the field that it is compared with."""
    message = (
        f"The filter \"='{literal}'\" is not valid for the {caption} field on the Item table. The length of the string "
        f"is {len(literal)}, but it must be less than or equal to {limit} characters. Value: {literal}"
    )
    return BusinessCentralError(400, "Application_FilterErrorException", message)


def concurrency_token_missing() -> BusinessCentralError:
    """A write without If-Match."""
    message = (
        "Could not validate the client concurrency token required by the service. "
        "Please provide a valid token in the client request."
    )
    return BusinessCentralError(400, "BadRequest_InvalidToken", message)


def entity_changed() -> BusinessCentralError:
    """If-Match names an ETag that is no longer the current one."""
    return BusinessCentralError(409, "Request_EntityChanged", "Another user has already changed the record.")


def control_read_only(name: str) -> BusinessCentralError:
    """Every property of a picture but its content is computed by BC."""
    return BusinessCentralError(400, "BadRequest_InvalidOperation", f"Control '{name}' is read-only.")


def insert_not_supported() -> BusinessCentralError:
    """A picture is there with its item; nobody creates one."""
    return BusinessCentralError(405, "BadRequest_MethodNotAllowed", "Entity does not support insert.")


def method_not_allowed(method: str, assumed: Assumption | None = None) -> BusinessCentralError:
    """The resource exists and does not take this method."""
    message = f"'{method}' requests are not allowed within Microsoft Dynamics NAV OData web services."
    return BusinessCentralError(405, "BadRequest_MethodNotAllowed", message, assumed)


def parent_missing() -> BusinessCentralError:
    """Pictures are reached through the entity that they belong to."""
    message = "You must get to the parent first to get to the picture."
    return BusinessCentralError(400, "Application_DialogException", message)


def not_a_picture() -> BusinessCentralError:
    """The bytes are of no format that BC's image module knows (what the real BC answers is not known)."""
    message = "The content is not a picture."
    return BusinessCentralError(400, "Application_DialogException", message, Assumption.NOT_A_PICTURE)


def too_large() -> BusinessCentralError:
    """The body is over BC's limit (the status is documented, the envelope is not)."""
    message = "The request is too large."
    return BusinessCentralError(413, "RequestEntityTooLarge", message, Assumption.TOO_LARGE)
