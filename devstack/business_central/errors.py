"""What Business Central refuses, and in which words. README.md says on what evidence."""

from uuid import UUID


class BusinessCentralError(Exception):
    """One refusal: the HTTP status, BC's error code, and its message without the correlation id."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def credentials_rejected() -> BusinessCentralError:
    """No bearer token, or one that BC does not accept: BC says no more than this."""
    message = "The server has rejected the client credentials."
    return BusinessCentralError(401, "Authentication_InvalidCredentials", message)


def company_not_found(company_id: UUID) -> BusinessCentralError:
    """The environment has no such company."""
    return BusinessCentralError(404, "Internal_CompanyNotFound", f"Cannot find the company '{company_id}'.")


def item_not_found(item_id: UUID) -> BusinessCentralError:
    """The company has no such item."""
    message = f"Resource not found for the segment 'items({item_id})'."
    return BusinessCentralError(404, "BadRequest_ResourceNotFound", message)


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


def method_not_allowed(method: str) -> BusinessCentralError:
    """The resource exists and does not take this method."""
    message = f"'{method}' requests are not allowed within Microsoft Dynamics NAV OData web services."
    return BusinessCentralError(405, "BadRequest_MethodNotAllowed", message)


def parent_missing() -> BusinessCentralError:
    """Pictures are reached through the entity that they belong to."""
    message = "You must get to the parent first to get to the picture."
    return BusinessCentralError(400, "Application_DialogException", message)


def not_a_picture() -> BusinessCentralError:
    """The bytes are of no format that BC's image module knows (what the real BC answers is not known)."""
    return BusinessCentralError(400, "Application_DialogException", "The content is not a picture.")


def too_large() -> BusinessCentralError:
    """The body is over BC's limit (the status is documented, the envelope is not)."""
    return BusinessCentralError(413, "RequestEntityTooLarge", "The request is too large.")
