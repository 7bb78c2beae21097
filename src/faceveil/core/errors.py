"""One family of errors: each message is a sentence a person can act on, each class an exit code."""


class FaceveilError(Exception):
    """Anything faceveil reports to a person: what is wrong, with which file, what to do."""

    exit_code = 3


class UsageError(FaceveilError):
    """The request itself cannot be understood or contradicts itself."""

    exit_code = 2


class PhotoError(FaceveilError):
    """A photo cannot be read or written."""


class ModelError(FaceveilError):
    """A model, its card or a gallery is missing, damaged or unsuitable."""


class SecretError(FaceveilError):
    """A key file is missing, damaged, or does not open."""


class NoFaceError(FaceveilError):
    """No face was found where one is needed."""

    exit_code = 4
