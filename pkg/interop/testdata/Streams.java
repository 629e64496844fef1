import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Properties;
import net.i2p.I2PException;
import net.i2p.client.streaming.I2PServerSocket;
import net.i2p.client.streaming.I2PSocket;
import net.i2p.client.streaming.I2PSocketManager;
import net.i2p.client.streaming.I2PSocketManagerFactory;
import net.i2p.client.streaming.I2PSocketOptions;
import net.i2p.data.Destination;

/**
 * The streams of one Java I2P destination as TCP connections of a test.
 *
 * <pre>java Streams PORT KEYFILE|- [option=value…]</pre>
 *
 * It joins the router whose I2CP is on this host, listens on 127.0.0.1:PORT and
 * says "b32 ADDRESS". A TCP connection begins with one line, which is answered
 * with one, and is the stream from then on, with half closes both ways:
 *
 * <pre>
 * connect ADDRESS TO FROM     "ok", or "error WHY"; the ports are I2CP's
 * accept                      "ok LOCALPORT REMOTEPORT PEER" once there is a stream
 * </pre>
 */
public final class Streams {
    private static final int I2CP_PORT = 7654;
    private static final int LOOKUP_MILLIS = 60_000;
    private static final int CONNECT_MILLIS = 60_000;

    private final I2PSocketManager manager;
    private final I2PServerSocket incoming;

    private Streams(I2PSocketManager manager) {
        this.manager = manager;
        this.incoming = manager.getServerSocket();
    }

    public static void main(String[] args) throws Exception {
        Properties options = new Properties();
        for (int i = 2; i < args.length; i++) {
            String[] pair = args[i].split("=", 2);
            options.setProperty(pair[0], pair[1]);
        }
        I2PSocketManager manager;
        if (args[1].equals("-")) {
            manager = I2PSocketManagerFactory.createManager("127.0.0.1", I2CP_PORT, options);
        } else {
            try (InputStream keys = new FileInputStream(args[1])) {
                manager = I2PSocketManagerFactory.createManager(keys, "127.0.0.1", I2CP_PORT, options);
            }
        }
        if (manager == null) {
            throw new IOException("no session with the router");
        }
        Streams streams = new Streams(manager);
        try (ServerSocket server = new ServerSocket(Integer.parseInt(args[0]), 50, InetAddress.getLoopbackAddress())) {
            say("b32 " + manager.getSession().getMyDestination().toBase32());
            while (true) {
                Socket tcp = server.accept();
                new Thread(() -> streams.serve(tcp), "tcp").start();
            }
        }
    }

    private static void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    private void serve(Socket tcp) {
        try (tcp) {
            String[] request = readLine(tcp.getInputStream()).split(" ");
            I2PSocket stream;
            String answer = "ok";
            try {
                if (request[0].equals("connect")) {
                    stream = connect(request[1], Integer.parseInt(request[2]), Integer.parseInt(request[3]));
                } else {
                    stream = incoming.accept();
                    answer += " " + stream.getLocalPort() + " " + stream.getPort() + " " + stream.getPeerDestination().toBase32();
                }
            } catch (I2PException | IOException e) {
                write(tcp, "error " + e);
                return;
            }
            write(tcp, answer);
            join(tcp, stream);
        } catch (IOException | InterruptedException e) {
            say("tcp: " + e);
        }
    }

    private I2PSocket connect(String address, int to, int from) throws I2PException, IOException {
        Destination destination = manager.getSession().lookupDest(address, LOOKUP_MILLIS);
        if (destination == null) {
            throw new IOException("destination not found");
        }
        I2PSocketOptions options = manager.buildOptions(new Properties());
        options.setPort(to);
        options.setLocalPort(from);
        options.setConnectTimeout(CONNECT_MILLIS);
        return manager.connect(destination, options);
    }

    /** Copies both ways until both have ended, and resets both when one breaks. */
    private static void join(Socket tcp, I2PSocket stream) throws IOException, InterruptedException {
        Thread down = new Thread(() -> {
            try {
                copy(stream.getInputStream(), tcp.getOutputStream());
                tcp.shutdownOutput();
            } catch (IOException e) {
                abort("from the stream", e, tcp, stream);
            }
        }, "down");
        down.start();
        try {
            OutputStream out = stream.getOutputStream();
            copy(tcp.getInputStream(), out);
            out.close(); // sends CLOSE; close of the socket alone may not (2.7.0)
        } catch (IOException e) {
            abort("to the stream", e, tcp, stream);
        }
        down.join();
        stream.close();
    }

    private static void copy(InputStream in, OutputStream out) throws IOException {
        byte[] buffer = new byte[32 << 10];
        for (int n; (n = in.read(buffer)) >= 0; ) {
            out.write(buffer, 0, n);
            if (in.available() == 0) {
                out.flush();
            }
        }
    }

    private static void abort(String what, IOException why, Socket tcp, I2PSocket stream) {
        say(what + ": " + why);
        try {
            tcp.setSoLinger(true, 0);
            tcp.close();
            stream.reset();
        } catch (IOException e) {
            say("abort: " + e);
        }
    }

    private static String readLine(InputStream in) throws IOException {
        StringBuilder line = new StringBuilder();
        for (int c; (c = in.read()) != '\n'; line.append((char) c)) {
            if (c < 0) {
                throw new IOException("no request");
            }
        }
        return line.toString();
    }

    private static void write(Socket tcp, String line) throws IOException {
        tcp.getOutputStream().write((line + "\n").getBytes(StandardCharsets.US_ASCII));
    }
}
