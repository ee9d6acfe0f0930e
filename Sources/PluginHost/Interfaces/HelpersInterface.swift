import CJackfield

/// `jf.helpers/1`: the implementation of the header's inline functions.
enum HelpersInterface {
    static var table: jf_helpers_api {
        jf_helpers_api(
            struct_size: UInt32(MemoryLayout<jf_helpers_api>.size), revision: 1,
            describe: { host, plugin, abi, name, version in
                guard let plugin else { return HelpersInterface.isNull("describe", "plugin", host) }
                plugin.pointee.struct_size = UInt32(MemoryLayout<jf_plugin>.size)
                plugin.pointee.abi = abi
                plugin.pointee.name = name
                plugin.pointee.version = version
                return JF_OK
            },
            fail: { host, error, code, message in
                if let error {
                    error.pointee.code = code
                    withUnsafeMutableBytes(of: &error.pointee.message) { HelpersInterface.copy(message.bytes, to: $0) }
                }
                return code
            },
            refuse: { host, refusal, message, data in
                guard let refusal else { return HelpersInterface.isNull("refuse", "refusal", host) }
                withUnsafeMutableBytes(of: &refusal.pointee.message) { HelpersInterface.copy(message.bytes, to: $0) }
                withUnsafeMutableBytes(of: &refusal.pointee.data) { buffer in
                    // Data that does not fit is left out: cut JSON would be invalid.
                    let data =
                        data.bytes.count < buffer.count ? data.bytes : UnsafeRawBufferPointer(start: nil, count: 0)
                    HelpersInterface.copy(data, to: buffer)
                }
                return JF_E_DENIED
            },
            find: { host, pairs, count, name, value in
                guard let value else { return HelpersInterface.isNull("find", "value", host) }
                value.pointee = .none
                guard pairs != nil || count == 0 else { return HelpersInterface.isNull("find", "pairs", host) }
                let name = name.bytes
                for pair in UnsafeBufferPointer(start: pairs, count: Int(count))
                where pair.name.bytes.elementsEqual(name) {
                    value.pointee = pair.value
                    return JF_OK
                }
                return JF_E_NOT_FOUND
            },
            deny: { host, reply, message in
                guard let reply else { return HelpersInterface.isNull("deny", "reply", host) }
                withUnsafeMutableBytes(of: &reply.pointee.message) { HelpersInterface.copy(message.bytes, to: $0) }
                return JF_E_DENIED
            },
            add_header: { host, reply, every, name, value in
                guard let reply else { return HelpersInterface.isNull("add_header", "reply", host) }
                return every == 0
                    ? withUnsafeMutableBytes(of: &reply.pointee.initial) {
                        HelpersInterface.add(name.bytes, value.bytes, to: $0)
                    }
                    : withUnsafeMutableBytes(of: &reply.pointee.always) {
                        HelpersInterface.add(name.bytes, value.bytes, to: $0)
                    }
            })
    }

    private static func isNull(_ function: StaticString, _ argument: StaticString, _ host: OpaquePointer?) -> Int32 {
        LoadedPlugin.from(host)?.invalid(function, "\(argument) is NULL") ?? JF_E_INVALID
    }

    /// Copies as many bytes as fit, and a zero after them.
    private static func copy(_ text: UnsafeRawBufferPointer, to buffer: UnsafeMutableRawBufferPointer) {
        let count = min(text.count, buffer.count - 1)
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: text[..<count]))
        buffer[count] = 0
    }

    /// Appends `name: value` and a line break to a zero-terminated text.
    private static func add(
        _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, to buffer: UnsafeMutableRawBufferPointer
    ) -> Int32 {
        let forbidden: Set<UInt8> = [0, 0x0A, 0x0D]
        guard !name.isEmpty, !name.contains(where: { forbidden.contains($0) || $0 == UInt8(ascii: ":") || $0 == 0x20 }),
            !value.contains(where: { forbidden.contains($0) })
        else { return JF_E_INVALID }
        let used = buffer.firstIndex(of: 0) ?? buffer.count
        guard name.count <= buffer.count, value.count <= buffer.count,
            name.count + value.count + 5 <= buffer.count - used
        else { return JF_E_SPACE }
        var end = used
        func append(_ bytes: some Collection<UInt8>) {
            for byte in bytes {
                buffer[end] = byte
                end += 1
            }
        }
        append(name)
        append(": ".utf8)
        append(value)
        append("\r\n".utf8)
        buffer[end] = 0
        return JF_OK
    }
}
