import CFunctionCall
import CJackfield
import Glibc
import RawJSON
import Signatures
import SocketIO
import Support

/// A C function that answers an event and `POST /v1/call/{event}`. Everything that a call needs is prepared once, when
/// its plugin is loaded.
///
/// Never freed: the declaration of its event holds its address.
///
/// `@unchecked Sendable`: immutable; the C function is an address of code that is never unmapped.
final class BoundFunction: @unchecked Sendable {
    let namespace: ByteString
    let event: ByteString
    let signature: Signature
    let run: RunMode
    let contract: Contract
    /// Plugins are never freed.
    unowned(unsafe) let plugin: LoadedPlugin
    /// What ``HTTPFunctionCall`` needs of it.
    let callback: Callback
    /// UTF-8 of the JSON pointer for `JF_RUN_BY_KEY`; else empty.
    let key: [UInt8]
    /// Set if the function runs inline.
    let meter: InlineMeter?
    /// Set if it does not.
    let timers: RouteTimers?
    /// Position in the plugin's list of functions, from 1.
    private let number: Int
    private let method: MethodType
    private let type: CFunctionType
    private let function: jf_fn

    /// Most bytes of the arguments, with their attachments, of a function that runs inline: to convert more of them
    /// would hold up the event loop. The header promises this number.
    static let largestInline = 16_384

    /// Why the arguments of a function that runs inline are too large.
    static func problem(ofInlineArguments bytes: Int) -> String {
        "the arguments have \(bytes) bytes, more than the \(largestInline) bytes for a function that runs on the event loop"
    }

    /// The path under which functions are called over HTTP; the label of their metrics.
    static let path = "/v1/call/{event}"

    init(_ declaration: FunctionDescriptor, of plugin: LoadedPlugin) {
        namespace = declaration.namespace
        event = declaration.name
        signature = declaration.signature
        run = declaration.run
        self.plugin = plugin
        contract = Contract(declaration.signature)
        method = MethodType(declaration.signature, or: declaration.name)
        type = declaration.type
        function = declaration.function
        number = declaration.number
        if case .byKey(let pointer) = declaration.run { key = Array(pointer.utf8) } else { key = [] }
        let isInline = declaration.run == .inline
        callback = Callback("the \(isInline ? "inline " : "")function '\(declaration.name)', called over HTTP")
        meter = isInline ? InlineMeter(callback, of: plugin) : nil
        timers = isInline ? nil : RouteTimers(plugin: plugin.name, method: "POST", path: Self.path)
    }

    /// The event that the function answers.
    ///
    /// - Parameter number: the function's position in the plugin's list, from 1.
    func declaration(number: Int) -> EventDescriptor {
        EventDescriptor(
            number: number, namespace: namespace, name: event, handler: Self.handler,
            context: Unmanaged.passRetained(self).toOpaque(), run: run, observes: false, contract: contract,
            isFunction: true)
    }

    // MARK: Events

    /// The handler of all functions' events; `jf_event.context` is the function.
    private static let handler: jf_event_fn = { _, event in
        guard let event, let context = event.pointee.context else { return }
        Unmanaged<BoundFunction>.fromOpaque(context)._withUnsafeGuaranteedRef { $0.answer(event) }
    }

    @inline(__always)
    private func answer(_ event: UnsafePointer<jf_event>) {
        let token = ReplyToken(event.pointee.ack)
        call(
            event.pointee.args.bytes, attachments: event.pointee.attachments,
            count: Int(event.pointee.attachment_count), binary: .attachment
        ) { result in
            switch result {
            case .success(let value): ack(value, token)
            case .failure(let failure): fail(failure, token)
            }
        }
    }

    @inline(__always)
    private func ack(_ value: jf_value, _ token: ReplyToken) {
        let nothing = UnsafeBufferPointer<UnsafeRawBufferPointer>(start: nil, count: 0)
        guard signature.result != nil else {
            if token.raw != 0 { _ = plugin.ack(token, LoadedPlugin.emptyArray, nothing) }
            return
        }
        do throws(ValueWriter.Unwritable) {
            try ValueWriter.withJSON(of: value, "[", "]", binary: .attachment) { args, attachment in
                guard token.raw != 0 else { return }
                guard var attachment else {
                    _ = plugin.ack(token, args, nothing)
                    return
                }
                withUnsafePointer(to: &attachment) {
                    _ = plugin.ack(token, args, UnsafeBufferPointer(start: $0, count: 1))
                }
            }
        } catch {
            fail(unwritable(error), token)
        }
    }

    @inline(never)
    private func fail(_ failure: FunctionFailure, _ token: ReplyToken) {
        plugin.handlerFailed(code: failure.code, message: failure.message)
        guard token.raw != 0 else { return }
        JSONWriter.errorArguments(code: failure.code, message: failure.message).withUnsafeBytes { args in
            _ = plugin.ack(token, args, UnsafeBufferPointer(start: nil, count: 0))
        }
    }

    // MARK: Calls

    /// Bytes on the stack for the texts of a call. Longer ones are on the heap.
    private static let buffer = 512

    /// Calls the function on this thread.
    ///
    /// The arguments are checked while they are read, so that a call whose arguments were not checked before does no
    /// harm. The words of an error are those of `Contract`.
    ///
    /// - Parameters:
    ///   - args: valid JSON.
    ///   - body: called once. A value is valid for the call of `body`.
    @inline(__always)
    func call(
        _ args: UnsafeRawBufferPointer, attachments: UnsafePointer<jf_bytes>?, count: Int, binary: BinaryForm,
        _ body: (Result<jf_value, FunctionFailure>) -> Void
    ) {
        withUnsafeTemporaryAllocation(of: jf_value.self, capacity: contract.count) { values in
            withUnsafeTemporaryAllocation(byteCount: Self.buffer, alignment: 16) { buffer in
                var reader = ValueReader(
                    args, contract, attachments: attachments, count: count, binary: binary, buffer: buffer)
                // A buffer without elements may have no address, and is not used then.
                let values =
                    values.baseAddress
                    ?? buffer.baseAddress.unsafelyUnwrapped.assumingMemoryBound(
                        to: jf_value.self)
                guard reader.read(contract, into: values) else {
                    return body(.failure(violation(args, count, binary, isExhausted: reader.isExhausted)))
                }
                var value = jf_value()
                var storage: UnsafeMutableRawPointer?
                var status: Int32 = 0
                if let isolated = plugin.isolated { return callWorker(isolated, values, body) }
                let code = jf_function_call(type.pointer, function, values, true, &value, &storage, &status)
                if code == JF_OK { body(.success(value)) } else { body(.failure(failure(code, status))) }
                if storage != nil { free(storage) }
                // The values point to the memory of the reader.
                extendLifetime(reader)
            }
        }
    }

    /// Calls the function in the plugin's worker.
    @inline(never)
    private func callWorker(
        _ isolated: IsolatedPlugin, _ values: UnsafeMutablePointer<jf_value>,
        _ body: (Result<jf_value, FunctionFailure>) -> Void
    ) {
        let outcome = isolated.callFunction(number - 1, values, contract.count)
        guard outcome.code != JF_E_UNAVAILABLE else {
            let message = "the service '\(plugin.name)' was interrupted; try again later"
            return body(.failure(FunctionFailure(code: "unavailable", message: message)))
        }
        guard outcome.code == JF_OK, let block = outcome.value else {
            return body(.failure(failure(outcome.code, outcome.status)))
        }
        if let problem = method.problem(ofResult: block.values[0]) {
            return body(.failure(FunctionFailure(code: "internal", message: "'\(method.name)': \(problem)")))
        }
        withExtendedLifetime(block) { body(.success(block.values[0])) }
    }

    @inline(never)
    private func violation(_ args: UnsafeRawBufferPointer, _ attachments: Int, _ binary: BinaryForm, isExhausted: Bool)
        -> FunctionFailure
    {
        guard !isExhausted else {
            return FunctionFailure(
                code: "invalid_arguments",
                message: "the arguments need more than \(ValueArena.largest >> 20) MiB of memory")
        }
        let violation = contract.checkArguments(args, attachments: attachments, binary: binary)
        return FunctionFailure(
            code: "invalid_arguments", message: violation?.description ?? "the arguments do not match '\(signature)'")
    }

    @inline(never)
    private func failure(_ code: Int32, _ status: Int32) -> FunctionFailure {
        FunctionFailure(
            code: code == JF_E_FAILED ? "failed" : "internal",
            message: MethodRun.failure(code, status, method).message)
    }

    /// The failure of a call whose result has no JSON.
    @inline(never)
    func unwritable(_ error: ValueWriter.Unwritable) -> FunctionFailure {
        switch error {
        case .notFinite(let number):
            FunctionFailure(code: "failed", message: "'\(method.name)' returned \(number), which JSON does not have")
        case .broken(let problem):
            FunctionFailure(code: "internal", message: "the result of '\(method.name)' \(problem)")
        }
    }
}

/// Why a call of a C function gives no result.
struct FunctionFailure: Error {
    /// `invalid_arguments`, `failed` or `internal`; docs/errors.md says what they mean.
    let code: String
    let message: String
}
