//! Why SOS refuses a request, in S3's words.

use actix_web::http::StatusCode;

/// A refusal: S3's code, its status, and what its own message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    AccessDenied,
    /// A header for S3 is there that the signature does not cover.
    UnsignedHeaders,
    MalformedAuthorization,
    MalformedQuerySignature,
    UnknownKey,
    SignatureDoesNotMatch,
    RequestTimeTooSkewed,
    /// A presigned URL whose time is over.
    Expired,
    /// A presigned URL for later.
    NotValidYet,
    ContentHashMismatch,
    BadDigest,
    InvalidDigest,
    NotImplemented,
    MethodNotAllowed,
    InvalidArgument,
    InvalidBucketName,
    KeyTooLong,
    NoSuchBucket,
    NoSuchKey,
    BucketAlreadyOwned,
    BucketNotEmpty,
    TooManyBuckets,
    EntityTooLarge,
    /// The local cloud holds no more; S3 has no such limit.
    Full,
    PreconditionFailed,
}

impl Refusal {
    fn parts(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::AccessDenied => (403, "AccessDenied", "Access Denied."),
            Self::UnsignedHeaders => (
                403,
                "AccessDenied",
                "There were headers present in the request which were not signed.",
            ),
            Self::MalformedAuthorization => (
                400,
                "AuthorizationHeaderMalformed",
                "The authorization header that you provided is not valid.",
            ),
            Self::MalformedQuerySignature => (
                400,
                "AuthorizationQueryParametersError",
                "The authorization query parameters that you provided are not valid.",
            ),
            Self::UnknownKey => (
                403,
                "InvalidAccessKeyId",
                "The access key ID that you provided does not exist in our records.",
            ),
            Self::SignatureDoesNotMatch => (
                403,
                "SignatureDoesNotMatch",
                "The request signature that the server calculated does not match the signature \
                 that you provided. Check your secret access key and signing method.",
            ),
            Self::RequestTimeTooSkewed => (
                403,
                "RequestTimeTooSkewed",
                "The difference between the request time and the server's time is too large.",
            ),
            Self::Expired => (403, "AccessDenied", "Request has expired."),
            Self::NotValidYet => (403, "AccessDenied", "Request is not valid yet."),
            Self::ContentHashMismatch => (
                400,
                "XAmzContentSHA256Mismatch",
                "The provided x-amz-content-sha256 header does not match what was computed.",
            ),
            Self::BadDigest => (
                400,
                "BadDigest",
                "The Content-MD5 that you specified did not match what we received.",
            ),
            Self::InvalidDigest => (400, "InvalidDigest", "The Content-MD5 is not valid."),
            Self::NotImplemented => (
                501,
                "NotImplemented",
                "A header or query parameter that you provided implies functionality that is not \
                 implemented.",
            ),
            Self::MethodNotAllowed => (
                405,
                "MethodNotAllowed",
                "The specified method is not allowed against this resource.",
            ),
            Self::InvalidArgument => (400, "InvalidArgument", "This argument is not valid."),
            Self::InvalidBucketName => (
                400,
                "InvalidBucketName",
                "The specified bucket is not valid.",
            ),
            Self::KeyTooLong => (400, "KeyTooLongError", "Your key is too long."),
            Self::NoSuchBucket => (404, "NoSuchBucket", "The specified bucket does not exist."),
            Self::NoSuchKey => (404, "NoSuchKey", "The specified key does not exist."),
            Self::BucketAlreadyOwned => (
                409,
                "BucketAlreadyOwnedByYou",
                "The bucket that you tried to create already exists, and you own it.",
            ),
            Self::BucketNotEmpty => (
                409,
                "BucketNotEmpty",
                "The bucket that you tried to delete is not empty.",
            ),
            Self::TooManyBuckets => (
                400,
                "TooManyBuckets",
                "You have attempted to create more buckets than are allowed.",
            ),
            Self::EntityTooLarge => (
                400,
                "EntityTooLarge",
                "Your proposed upload exceeds the maximum allowed object size.",
            ),
            Self::Full => (
                507,
                "InsufficientStorage",
                "The local cloud holds no more objects.",
            ),
            Self::PreconditionFailed => (
                412,
                "PreconditionFailed",
                "At least one of the preconditions that you specified did not hold.",
            ),
        }
    }

    pub(crate) fn status(self) -> StatusCode {
        StatusCode::from_u16(self.parts().0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    pub(crate) fn code(self) -> &'static str {
        self.parts().1
    }

    pub(crate) fn message(self) -> &'static str {
        self.parts().2
    }
}

/// The code that S3 gives a status which somebody asked a fault to answer with.
pub(crate) fn code_of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        403 => "AccessDenied",
        404 => "NoSuchKey",
        409 => "ConditionalRequestConflict",
        412 => "PreconditionFailed",
        429 => "TooManyRequests",
        500 => "InternalError",
        503 => "SlowDown",
        400..=499 => "InvalidRequest",
        _ => "ServiceUnavailable",
    }
}
