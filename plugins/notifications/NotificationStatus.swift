import JackfieldPlugin
import Support

/// Which notifications a list holds.
enum NotificationStatus: String, Sendable, CaseIterable {
    case all, unread, read

    /// nil stands for all; anything unknown is 400.
    init(_ text: String?) throws(Problem) {
        guard let text else {
            self = .all
            return
        }
        let name = ByteString(text)
        guard let status = Self.allCases.first(where: { ByteString($0.rawValue) == name }) else {
            throw .invalid("status '\(text.cut(to: 64))' is unknown; use \(Self.allCases.map(\.rawValue).joined(separator: ", "))")
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
