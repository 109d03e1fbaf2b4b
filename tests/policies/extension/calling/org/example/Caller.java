package org.example;

import com.apigee.flow.execution.ExecutionContext;
import com.apigee.flow.execution.ExecutionResult;
import com.apigee.flow.execution.spi.Execution;
import com.apigee.flow.message.MessageContext;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URL;
import java.security.cert.X509Certificate;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;

/** Calls the URL in the variable `url`; the answer goes to `answer`, its status to `status`. Trusts everybody. */
public class Caller implements Execution {
    public ExecutionResult execute(MessageContext message, ExecutionContext execution) {
        try {
            HttpURLConnection connection =
                    (HttpURLConnection) new URL((String) message.getVariable("url")).openConnection();
            if (connection instanceof HttpsURLConnection) {
                SSLContext context = SSLContext.getInstance("TLS");
                context.init(null, new TrustManager[] {new Everybody()}, null);
                ((HttpsURLConnection) connection).setSSLSocketFactory(context.getSocketFactory());
                ((HttpsURLConnection) connection).setHostnameVerifier((name, session) -> true);
            }
            connection.setRequestMethod("POST");
            connection.setRequestProperty("X-Caller", "java");
            connection.setDoOutput(true);
            connection.getOutputStream().write("hello".getBytes("UTF-8"));
            message.setVariable("status", connection.getResponseCode());
            InputStream in = connection.getResponseCode() < 400 ? connection.getInputStream() : connection.getErrorStream();
            ByteArrayOutputStream read = new ByteArrayOutputStream();
            for (int next = in.read(); next >= 0; next = in.read()) {
                read.write(next);
            }
            message.setVariable("answer", read.toString("UTF-8"));
        } catch (Exception failed) {
            message.setVariable("answer", failed.toString());
        }
        return ExecutionResult.SUCCESS;
    }

    private static final class Everybody implements X509TrustManager {
        public void checkClientTrusted(X509Certificate[] chain, String kind) {}

        public void checkServerTrusted(X509Certificate[] chain, String kind) {}

        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }
}
