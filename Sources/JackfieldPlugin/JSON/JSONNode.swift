import RawJSON
import Support

/// A JSON value that is being put together. Containers are shared: an encoder hands one out and the caller fills it.
indirect enum JSONNode {
    /// Finished JSON.
    case raw([UInt8])
    case text(String)
    case integer(Int)
    case bool(Bool)
    case null
    case array(Elements)
    case object(Members)
    /// Filled by somebody else until the whole is written.
    case pending(JSONNodeEncoder)

    final class Elements {
        var all: [JSONNode] = []
    }

    final class Members {
        private(set) var all: [(key: ByteString, value: JSONNode)] = []
        /// Where each stands in ``all``; empty up to ``fewest``, which are searched.
        private var places: [ByteString: Int] = [:]
        private static let fewest = 16

        func set(_ key: String, _ value: JSONNode) {
            let key = ByteString(key)
            if let index = places.isEmpty ? all.firstIndex(where: { $0.key == key }) : places[key] {
                all[index].value = value
                return
            }
            all.append((key, value))
            if !places.isEmpty {
                places[key] = all.count - 1
            } else if all.count > Self.fewest {
                for (index, member) in all.enumerated() { places[member.key] = index }
            }
        }
    }

    func write(to json: inout JSONWriter, key: String? = nil) {
        switch self {
        case .raw(let raw): json.raw(raw, key: key)
        case .text(let text): json.text(text, key: key)
        case .integer(let number): json.integer(number, key: key)
        case .bool(let value): json.boolean(value, key: key)
        case .null: json.null(key: key)
        case .array(let elements):
            json.beginArray(key)
            for element in elements.all { element.write(to: &json) }
            json.endArray()
        case .object(let members):
            json.beginObject(key)
            for member in members.all { member.value.write(to: &json, key: member.key.text) }
            json.endObject()
        case .pending(let encoder):
            (encoder.node ?? .object(.init())).write(to: &json, key: key)
        }
    }
}
