package apiproxy.sidecar;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;

/**
 * The pipe to the host. A frame is its length, a letter, the number it is about, and the rest.
 *
 * <pre>
 * to here   J number, count, paths                   jars of a bundle
 *           P number, jars, class, properties        a callout
 *           R number, program, flags, known          run it; known: count, (name, value)…
 *           A number, value                          an answer
 *           I number                                 interrupt a run
 *           F number, letter                         forget jars (J), a program (P) or an object (O)
 * to host   H 0, version                             ready
 *           Q number, changes, printed, kind, name   a question
 *           D number, changes, printed, result       a run is done
 *           L 0                                      this process is about to end: send no more
 * </pre>
 */
final class Channel {
    static final int ASK = 'Q';
    static final int DONE = 'D';
    static final int READY = 'H';
    static final int LEAVING = 'L';

    /** Kinds of questions. */
    static final int VARIABLE = 'v';

    static final int BYTES = 'b';
    static final int NEW_MESSAGE = 'n';

    /** Kinds of changes. */
    static final int SET = 's';

    static final int REMOVE = 'r';

    /** Kinds of results. */
    static final int SUCCESS = '+';

    static final int ABORTED = '-';
    static final int THROWN = '!';
    static final int EXITED = 'x';

    /** Writes the rest of a frame. */
    interface Body {
        void write(DataOutputStream out) throws IOException;
    }

    private final OutputStream output;

    Channel(OutputStream output) {
        this.output = output;
    }

    void send(int letter, int number, Body body) throws IOException {
        ByteArrayOutputStream frame = new ByteArrayOutputStream(256);
        DataOutputStream out = new DataOutputStream(frame);
        out.writeInt(0);
        out.writeByte(letter);
        out.writeInt(number);
        body.write(out);
        byte[] bytes = frame.toByteArray();
        int length = bytes.length - 4;
        for (int i = 0; i < 4; i++) {
            bytes[i] = (byte) (length >>> (24 - 8 * i));
        }
        synchronized (output) {
            output.write(bytes);
            output.flush();
        }
    }
}
