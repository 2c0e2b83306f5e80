from io import BytesIO

from fastapi import Body, FastAPI, Response

from photochrom import Colorizer

app, color = FastAPI(), Colorizer()


@app.post("/colorize")
def colorize(photo: bytes = Body(media_type="image/*")) -> Response:
    color(photo).save(result := BytesIO(), format_name="png")
    return Response(result.getvalue(), media_type="image/png")
