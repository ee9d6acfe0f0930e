import JackfieldPlugin

/// Which notifications a list holds.
enum NotificationStatus: String, Sendable, CaseIterable {
    case all, unread, read

    /// nil stands for all; anything unknown is 400.
    init(_ text: String?) throws(Problem) {
        guard let text else {
            self = .all
            return
        }
        guard let status = NotificationStatus(rawValue: text) else {
            throw .invalid("status '\(text.prefix(64))' is unknown; use \(Self.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        self = status
    }

    /// More of a WHERE clause. Constant text, no input.
    var condition: String {
        switch self {
        case .all: ""
        case .unread: "AND read_at IS NULL"
        case .read: "AND read_at IS NOT NULL"
        }
    }
}
