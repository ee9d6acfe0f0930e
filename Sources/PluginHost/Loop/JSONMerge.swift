import RawJSON
import Support

/// Two JSON objects made one.
enum JSONMerge {
    /// `object` with the members of `changes`, which replace those of the same name. Both are valid objects. Linear in their sizes.
    static func members(of changes: [UInt8], into object: [UInt8]) -> [UInt8] {
        changes.withUnsafeBytes { changes in
            object.withUnsafeBytes { object in
                let names = Set(members(changes).map { name($0.key, in: changes) })
                var merged = JSONWriter()
                func append(_ member: (key: Range<Int>, value: Range<Int>), of bytes: UnsafeRawBufferPointer) {
                    merged.name(quoted: bytes[member.key])
                    merged.raw(bytes[member.value])
                }
                merged.beginObject()
                for member in members(object) where !names.contains(name(member.key, in: object)) { append(member, of: object) }
                for member in members(changes) { append(member, of: changes) }
                merged.endObject()
                return merged.bytes
            }
        }
    }

    private static func members(_ object: UnsafeRawBufferPointer) -> [(key: Range<Int>, value: Range<Int>)] {
        var members: [(key: Range<Int>, value: Range<Int>)] = []
        var walker = JSONObjectWalker(object)
        while case .member(let key, let value) = walker.next() { members.append((key, value)) }
        return members
    }

    /// What a key means, escapes decoded.
    private static func name(_ key: Range<Int>, in bytes: UnsafeRawBufferPointer) -> ByteString {
        ByteString(JSONText.string(UnsafeRawBufferPointer(rebasing: bytes[key])) ?? "")
    }
}
