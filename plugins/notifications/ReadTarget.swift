import JackfieldPlugin
import PluginStore

/// What is to be marked read: `{id}`, `{ids}` (at most 1,000) or `{all: true}`.
enum ReadTarget: Sendable {
    case one(String)
    case some([String])
    case all

    static let maxIDs = 1000

    private struct Input: Decodable {
        let id: String?
        let ids: [String]?
        let all: Bool?
    }

    init(_ event: borrowing Event) throws {
        let input = try event.decode(Input.self)
        switch (input.id, input.ids, input.all) {
        case (let id?, nil, nil):
            self = .one(try TimeOrderedID.lookup(id, "id").text)
        case (nil, let ids?, nil) where ids.count <= Self.maxIDs:
            for (index, id) in ids.enumerated() { _ = try TimeOrderedID.lookup(id, "ids[\(index)]") }
            self = .some(ids)
        case (nil, _?, nil):
            throw Problem.invalid("ids may have at most \(Self.maxIDs) elements; mark them in several steps, or {all: true}")
        case (nil, nil, true?):
            self = .all
        default:
            throw Problem.invalid("say what to mark read: exactly one of {id}, {ids} and {all: true}")
        }
    }
}
