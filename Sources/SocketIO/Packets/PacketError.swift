/// Why a text is no packet that the reference would take. All of them close the connection.
enum PacketError: Error, Equatable {
    case empty
    case unknownKind
    case malformedAttachmentCount
    case tooManyAttachments
    /// Blanks between digits, or more than 64 bits.
    case malformedAckID
    case malformedPayload
    /// JSON, but not what this kind of packet carries.
    case unfitPayload
    case reservedName
    case nameTooLong
    /// An attachment's place in the payload that names none of the attachments.
    case malformedPlaceholder
    /// Text while attachments are due.
    case attachmentMissing
    /// An attachment that no packet announced.
    case unexpectedAttachment
    case attachmentsTooLarge
}
