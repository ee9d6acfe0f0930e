/// Frames as a client sends them, right and wrong.
enum ClientFrame {
    static func make(
        opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true, rsv: UInt8 = 0, key: [UInt8]? = [0x37, 0xFA, 0x21, 0x3D], declare: Int? = nil
    ) -> [UInt8] {
        var frame: [UInt8] = [(isFinal ? 0x80 : 0) | rsv << 4 | opcode]
        let count = declare ?? payload.count
        let mask: UInt8 = key == nil ? 0 : 0x80
        if (0..<126).contains(count) {
            frame.append(mask | UInt8(count))
        } else if (0..<65_536).contains(count) {
            frame += [mask | 126, UInt8(count >> 8), UInt8(count & 0xFF)]
        } else {
            frame.append(mask | 127)
            frame += (0..<8).reversed().map { UInt8(truncatingIfNeeded: count >> ($0 * 8)) }
        }
        guard let key else { return frame + payload }
        return frame + key + payload.enumerated().map { $0.element ^ key[$0.offset & 3] }
    }

    static func text(_ text: String, isFinal: Bool = true) -> [UInt8] { make(opcode: 1, Array(text.utf8), isFinal: isFinal) }
    static func close(_ code: UInt16) -> [UInt8] { make(opcode: 8, [UInt8(code >> 8), UInt8(code & 0xFF)]) }
}
