import FuzzSupport
import RawJSON

@testable import SocketIO

/// Rules for the parser, for any text, and for encoded packets.
enum ParserRules {
    /// - Returns: the packet, nil if the text is none.
    @discardableResult
    static func check(_ text: [UInt8]) -> SocketPacket? {
        withExactCopy(of: text) { bytes in
            let text = UnsafeRawBufferPointer(bytes)
            let packet: SocketPacket
            do throws(PacketError) {
                packet = try PacketParser().parse(text)
            } catch {
                return nil
            }
            let whole = 0..<text.count
            require(whole.contains(0) && contains(whole, packet.namespace), "a namespace lies within its text")
            require(
                contains(whole, packet.payload) && contains(whole, packet.name),
                "payload and name lie within their text")
            require((0...10).contains(packet.attachments), "attachments are bounded")
            if let comma = packet.comma {
                require(
                    contains(packet.payload, comma..<comma + 1) && text[comma] == UInt8(ascii: ","),
                    "the comma's offset is that of a comma")
            }
            if !packet.payload.isEmpty, packet.kind != .connectError {
                require(
                    JSONScanner.isValid(UnsafeRawBufferPointer(rebasing: text[packet.payload])), "a payload is JSON")
            }
            if packet.kind == .event || packet.kind == .binaryEvent, !packet.payload.isEmpty {
                require(
                    contains(packet.payload, packet.name) && !packet.name.isEmpty
                        || packet.name.lowerBound > packet.payload.lowerBound, "an event has a name")
            }
            return packet
        }
    }

    private static func contains(_ outer: Range<Int>, _ inner: Range<Int>) -> Bool {
        inner.isEmpty || (inner.lowerBound >= outer.lowerBound && inner.upperBound <= outer.upperBound)
    }

    /// Parsing an encoded packet returns the values it was encoded from.
    static func checkRoundTrip(name: [UInt8], args: [UInt8], namespace: String, ackID: UInt64?) {
        guard String(validating: name, as: UTF8.self) != nil, name.count <= 512,
            args.withUnsafeBytes({ PacketEncoder.isValid(args: $0) }),
            !name.withUnsafeBytes({ PacketEncoder.isReserved(name: $0) })
        else { return }
        let prefix = namespace == "/" ? "" : namespace + ","
        let text = name.withUnsafeBytes { name in
            args.withUnsafeBytes { args in
                Array(prefix.utf8).withUnsafeBytes { prefix in
                    let writer = PacketWriter(name: name, args: args, prefix: prefix, ackID: ackID)
                    return withExactCopy(of: [UInt8](repeating: 0, count: writer.count)) { buffer in
                        writer.write(to: buffer)
                        return Array(buffer)
                    }
                }
            }
        }
        guard let packet = check(text) else {
            // A name may be short enough while its quoted form is too long for the parser, because escapes are longer
            // than the characters.
            return require(
                text.count > 512, "an encoded packet can be parsed: \(String(decoding: text, as: UTF8.self))")
        }
        require(packet.kind == .event && packet.ackID == ackID, "kind and ack id survive")
        require(
            text[packet.namespace].elementsEqual(namespace == "/" ? "".utf8 : namespace.utf8), "the namespace survives")
        guard case .array(let elements)? = try? JSONValue(parsing: Array(text[packet.payload])),
            let given = (try? JSONValue(parsing: args))?.array
        else {
            return require(false, "a payload is an array")
        }
        require(elements.first?.string.map { $0.utf8.elementsEqual(name) } ?? false, "the name survives")
        require(Array(elements.dropFirst()) == given, "the arguments survive")
    }
}
