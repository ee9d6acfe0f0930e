import JackfieldPlugin
import RoomsPlugin

@c @implementation
public func jf_plugin_main(_ boot: UnsafePointer<jf_boot>?, _ plugin: UnsafeMutablePointer<jf_plugin>?) -> Int32 {
    Rooms.main(boot, plugin)
}
