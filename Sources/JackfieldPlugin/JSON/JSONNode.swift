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

    func write(to bytes: inout [UInt8]) {
        switch self {
        case .raw(let raw): bytes += raw
        case .text(let text): JSONText.appendQuoted(text, to: &bytes)
        case .integer(let number): bytes += "\(number)".utf8
        case .bool(let value): bytes += (value ? "true" : "false").utf8
        case .null: bytes += "null".utf8
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.all.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                element.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in members.all.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                JSONText.appendQuoted(member.key.text, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                member.value.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        case .pending(let encoder):
            (encoder.node ?? .object(.init())).write(to: &bytes)
        }
    }
}
